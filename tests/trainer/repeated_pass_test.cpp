// What is replayed is what would have run. On the CPU a stand-in keeps the work and does it anew at
// each replay, with a graph's rules: while it records nothing is done, what the work reads lies
// where it lay, and its result is written over the one before.
#include "trainer/repeated_pass.h"

#include <ATen/ATen.h>

#include <stdexcept>

#include "tests/support/catch.h"

namespace crosslaw::trainer {
namespace {

constexpr int64_t kWindow = 16;

struct Calls {
  int64_t records = 0, replays = 0;
};

class KeptWork final : public Recording {
 public:
  KeptWork(Llama& model, Calls& calls) : model_(model), calls_(calls) {}

  at::Tensor record(const std::function<at::Tensor()>& work) override {
    ++calls_.records;
    work_ = work;
    const at::Tensor before = model_.parameters.gradients.clone();
    loss_ = work();
    model_.parameters.gradients.copy_(before);
    loss_.fill_(NAN);  // nobody has written it yet
    return loss_;
  }
  void replay() override {
    ++calls_.replays;
    loss_.copy_(work_());
  }

 private:
  Llama& model_;
  Calls& calls_;
  std::function<at::Tensor()> work_;
  at::Tensor loss_;
};

class CannotRecord final : public Recording {
 public:
  at::Tensor record(const std::function<at::Tensor()>&) override {
    throw std::runtime_error("operation not permitted when stream is capturing");
  }
  void replay() override { FAIL("there is nothing to replay"); }
};

Llama small_model() {
  Llama model({31, 16, 40, 2, 2, true}, kWindow, 3, at::kFloat, at::kCPU, Llama::Path::kCpu);
  model.parameters.initialize(3, 0.0);
  return model;
}

at::Tensor batch(int64_t sequences, uint64_t seed) {
  return at::randint(0, 31, {sequences, kWindow + 1},
                     at::make_generator<at::CPUGeneratorImpl>(seed), at::kLong);
}

// Ten steps of three micro-batches, the last of which is shorter; the losses of each step and, at
// the end, its gradient.
std::vector<double> ten_steps(Llama& model, RepeatedPass& pass) {
  std::vector<double> losses;
  for (uint64_t step = 0; step < 10; ++step) {
    model.parameters.gradients.zero_();
    at::Tensor first = pass.accumulate_gradients(model, batch(3, 3 * step), 0.01);
    at::Tensor second = pass.accumulate_gradients(model, batch(3, 3 * step + 1), 0.01);
    at::Tensor odd = pass.accumulate_gradients(model, batch(2, 3 * step + 2), 0.01);
    for (const at::Tensor& loss : {first, second, odd}) losses.push_back(loss.item<double>());
    model.parameters.weights.sub_(model.parameters.gradients, 0.1);
  }
  return losses;
}

}  // namespace

TEST_CASE("ten steps that are recorded and replayed equal those that are not, to the last bit") {
  Llama plain = small_model(), replayed = small_model();
  Calls calls;
  RepeatedPass as_they_are(nullptr), repeated(std::make_unique<KeptWork>(replayed, calls));
  CHECK(ten_steps(plain, as_they_are) == ten_steps(replayed, repeated));
  CHECK(at::equal(plain.parameters.weights, replayed.parameters.weights));
  CHECK(at::equal(plain.parameters.gradients, replayed.parameters.gradients));
  CHECK_FALSE(as_they_are.recorded());
  CHECK(repeated.recorded());
  CHECK(calls.records == 1);
  CHECK(calls.replays == 17);  // of twenty passes of that shape all but the first three
}

TEST_CASE("another scale of the loss is not what was recorded") {
  Llama plain = small_model(), replayed = small_model();
  Calls calls;
  RepeatedPass repeated(std::make_unique<KeptWork>(replayed, calls));
  for (uint64_t i = 0; i < 5; ++i) repeated.accumulate_gradients(replayed, batch(3, i), 0.01);
  plain.parameters.gradients.zero_(), replayed.parameters.gradients.zero_();
  plain.accumulate_gradients(batch(3, 7), 0.5);
  repeated.accumulate_gradients(replayed, batch(3, 7), 0.5);
  CHECK(at::equal(plain.parameters.gradients, replayed.parameters.gradients));
  CHECK(calls.replays == 2);
}

TEST_CASE("where recording fails the run goes on as it was, and it is said once") {
  Llama plain = small_model(), other = small_model();
  std::vector<std::string> said;
  RepeatedPass as_they_are(nullptr),
      failing(std::make_unique<CannotRecord>(), [&](const std::string&s) { said.push_back(s); });
  CHECK(ten_steps(plain, as_they_are) == ten_steps(other, failing));
  CHECK(at::equal(plain.parameters.weights, other.parameters.weights));
  REQUIRE(said.size() == 1);
  CHECK_THAT(said[0], has_text("not permitted when stream is capturing"));
}

TEST_CASE("passes are recorded where launches take longer than the work") {
  CHECK(recording_pays(49'000'000, 524'288));
  CHECK(recording_pays(368'000'000, 65'536));
  CHECK_FALSE(recording_pays(368'000'000, 524'288));
  CHECK_FALSE(recording_pays(5'534'000'000, 65'536));
}

}  // namespace crosslaw::trainer
