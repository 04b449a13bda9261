#include "trainer/gradient_exchange.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "tests/support/catch.h"

namespace crosslaw::trainer {
namespace {

// One of two ranks, alone: writes down where each message begins, and sums nothing.
class Listening : public Communicator {
 public:
  explicit Listening(const at::Tensor& whole) : whole_(whole) {}
  int64_t rank() const override { return 0; }
  int64_t ranks() const override { return 2; }
  void reduce_scatter(const at::Tensor& part) override {
    messages.push_back(part.data_ptr<float>() - whole_.data_ptr<float>());
    numbers += part.numel();
  }
  void all_gather(const at::Tensor&) override {}
  void all_reduce(const at::Tensor&) override {}
  void finish() override {}
  void fail(const std::string&) noexcept override {}

  std::vector<int64_t> messages;
  int64_t numbers = 0;

 private:
  at::Tensor whole_;
};

const ModelShape kUntied{40, 12, 20, 2, 4, false}, kTied{40, 12, 20, 2, 4, true};

}  // namespace

TEST_CASE("gradients are sent in one order, whether a rank sends them early or late") {
  for (const ModelShape& shape : {kUntied, kTied}) {
    Parameters p(shape, at::kFloat, at::kCPU, 0, 2);
    const at::Tensor none = at::zeros({1}, at::kDouble);
    std::vector<int64_t> late;
    for (const int64_t first : {-1, 0, 2, 3}) {  // the lowest layer that is told of; none: -1
      Listening ranks(p.gradients);
      GradientExchange exchange(p, ranks, false);
      exchange.begin();
      CHECK_FALSE(exchange.under_way());
      for (int64_t layer = shape.layers - 1; first >= 0 && layer >= first; --layer) {
        exchange.layer_done(layer);
        CHECK(exchange.under_way());
      }
      exchange.finish(none);
      CHECK_FALSE(exchange.under_way());
      if (first == -1) late = ranks.messages;
      CHECK(ranks.messages == late);
      CHECK(ranks.numbers == p.count());
    }
  }
}

TEST_CASE("a gradient is sent after the layer that makes it final, and not before") {
  Parameters p(kUntied, at::kFloat, at::kCPU, 0, 2);
  Listening ranks(p.gradients);
  GradientExchange exchange(p, ranks, false);
  exchange.begin();
  auto sent = [&](const char* name) {
    const int64_t place = p.slot(name).offset;
    return std::any_of(p.buckets().begin(), p.buckets().end(), [&](const Bucket& b) {
      return place >= b.begin && place < b.begin + b.count &&
             std::find(ranks.messages.begin(), ranks.messages.end(), b.begin) !=
                 ranks.messages.end();
    });
  };
  exchange.layer_done(3);
  CHECK(sent("unembedding"));
  CHECK(sent("layers.3.down"));
  CHECK_FALSE(sent("layers.2.qkv"));
  exchange.layer_done(2);
  CHECK(sent("layers.2.qkv"));
  CHECK_FALSE(sent("layers.1.down"));
  exchange.layer_done(1);
  exchange.layer_done(0);
  CHECK_FALSE(sent("embedding"));
  CHECK_FALSE(sent("layers.3.ffn_norm"));
  exchange.finish(at::zeros({1}, at::kDouble));
  CHECK(sent("embedding"));
  CHECK(sent("final_norm"));
}

}  // namespace crosslaw::trainer
