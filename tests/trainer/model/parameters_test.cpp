#include "trainer/model/parameters.h"

#include <ATen/ATen.h>

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {
namespace {

const std::vector<ModelShape> kShapes = {
    {256, 12, 52, 2, 2, true}, {300, 24, 64, 2, 3, false},
    {2, 2, 1, 1, 1, true},     {33, 10, 7, 5, 4, false},
    {64, 128, 1, 1, 1, true},  {64, 12, 20, 4, 2, false, 1e-5, 1e4, 2, 8}};

Parameters filled(const ModelShape& shape, uint64_t seed, double std = 0) {
  Parameters p(shape, at::kFloat, at::kCPU);
  p.initialize(seed, std);
  return p;
}

}  // namespace

TEST_CASE("the planner's counts are those of the real tensors, group by group") {
  for (const ModelShape& shape : kShapes) {
    Parameters p(shape, at::kFloat, at::kCPU);
    ParameterCount real;
    for (const ParameterSlot& slot : p.slots()) {
      int64_t count = p.weight(slot.name).numel();
      (slot.name == "embedding"     ? real.embedding
       : slot.name == "unembedding" ? real.unembedding
       : slot.is_norm               ? real.norms
                                    : real.blocks) += count;
    }
    ParameterCount planned = count_parameters(shape);
    CHECK(planned.embedding == real.embedding);
    CHECK(planned.unembedding == real.unembedding);
    CHECK(planned.blocks == real.blocks);
    CHECK(planned.norms == real.norms);
  }
}

TEST_CASE("weights lie apart in the flat buffers, aligned, the decayed ones first") {
  for (const ModelShape& shape : kShapes) {
    Parameters p(shape, at::kFloat, at::kCPU);
    int64_t end = 0;
    for (const ParameterSlot& slot : p.slots()) {
      CHECK(slot.offset >= end);
      CHECK(slot.offset % 64 == 0);
      CHECK(slot.is_norm == (slot.offset >= p.decayed_count()));
      end = slot.offset + slot.count();
    }
    CHECK(p.count() >= end);
    CHECK(p.count() < end + 64);
    CHECK(p.gradients.numel() == p.count());
    CHECK(p.moment1.numel() == p.count());
    CHECK(p.moment2.numel() == p.count());
  }
}

TEST_CASE("buckets cover the flat buffers, and ranks share each of them equally") {
  for (const ModelShape& shape : kShapes) {
    for (const int64_t ranks : {1, 2, 3, 8}) {
      int64_t owned = 0;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        const Parameters p(shape, at::kBFloat16, at::kCPU, rank, ranks);
        int64_t end = 0, slice = 0;
        for (const Bucket& b : p.buckets()) {
          CHECK(b.begin == end);
          CHECK(b.own_count * ranks == b.count);
          CHECK(b.own_count % 64 == 0);
          CHECK(b.own_begin == b.begin + rank * b.own_count);
          CHECK(b.slice_begin == slice);
          // Weight decay is one number a bucket.
          CHECK((b.begin >= p.decayed_count() || b.begin + b.count <= p.decayed_count()));
          end += b.count, slice += b.own_count;
        }
        CHECK(end == p.count());
        CHECK(slice == p.slice_count());
        CHECK(p.master.numel() == slice);
        owned += slice;
        // A bucket may travel when the last gradient of its weights is there.
        for (const ParameterSlot& slot : p.slots()) {
          for (const Bucket& b : p.buckets()) {
            if (slot.offset >= b.begin && slot.offset < b.begin + b.count) {
              CHECK(slot.final_after_layer >= b.final_after_layer);
              CHECK(slot.offset + slot.count() <= b.begin + b.count);
            }
          }
        }
        CHECK((ranks == 1 || p.buckets().size() >= static_cast<size_t>(shape.layers + 2)));
      }
      CHECK(owned == Parameters(shape, at::kFloat, at::kCPU, 0, ranks).count());
    }
  }
}

TEST_CASE("a view is the weight itself, and an unknown name is an error that says it") {
  Parameters p(kShapes[0], at::kFloat, at::kCPU);
  p.weight("layers.1.down").fill_(3);
  CHECK(p.weights.sum().item<double>() == 3.0 * 12 * 52);
  CHECK(p.master.is_same(p.weights));  // fp32 on the CPU: one copy
  p.gradient("final_norm").fill_(1);
  CHECK(p.gradients.sum().item<double>() == 12);
  CHECK_THAT(tests::message_of([&] { p.weight("layers.2.down"); }),
             has_text("the model has no weight named layers.2.down"));
}

TEST_CASE("bf16 weights are their fp32 master rounded") {
  Parameters p(kShapes[1], at::kBFloat16, at::kCPU);
  p.initialize(4, 0.02);
  CHECK_FALSE(p.master.is_same(p.weights));
  CHECK(at::equal(p.weights, p.master.to(at::kBFloat16)));
}

TEST_CASE("the padding between weights stays zero, so that norms of the whole buffer are right") {
  Parameters p = filled(kShapes[3], 5);
  double whole = p.weights.pow(2).sum(at::kDouble).item<double>(), parts = 0;
  for (const ParameterSlot& slot : p.slots())
    parts += p.weight(slot.name).pow(2).sum(at::kDouble).item<double>();
  CHECK(whole == Approx(parts).epsilon(1e-12));
}

TEST_CASE("initial weights are normal: spread, tails and independence of matrices and seeds") {
  ModelShape shape{512, 64, 160, 2, 2, false};
  Parameters a = filled(shape, 1), b = filled(shape, 2);
  std::vector<at::Tensor> drawn;
  for (const ParameterSlot& slot : a.slots()) {
    if (slot.is_norm) {
      CHECK(at::equal(a.weight(slot.name), at::ones(slot.shape)));
      continue;
    }
    INFO(slot.name);
    auto fan_in = static_cast<double>(slot.shape.back());
    at::Tensor z = a.weight(slot.name).to(at::kDouble).flatten() * std::sqrt(3 * fan_in);
    double n = static_cast<double>(z.numel()), five_errors = 5 / std::sqrt(n);
    CHECK(std::abs(z.mean().item<double>()) < five_errors);
    CHECK(std::abs(z.pow(2).mean().item<double>() - 1) < five_errors * std::sqrt(2.0));
    CHECK(std::abs(z.pow(4).mean().item<double>() - 3) < five_errors * std::sqrt(96.0));
    CHECK(z.abs().max().item<double>() > 3);
    // Neighbours, and the same place under another seed.
    CHECK(
        std::abs(
            (z.narrow(0, 0, z.numel() - 1) * z.narrow(0, 1, z.numel() - 1)).mean().item<double>()) <
        five_errors);
    at::Tensor other = b.weight(slot.name).to(at::kDouble).flatten() * std::sqrt(3 * fan_in);
    CHECK(std::abs((z * other).mean().item<double>()) < five_errors);
    drawn.push_back(z);
  }
  for (size_t i = 0; i < drawn.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      int64_t n = std::min(drawn[i].numel(), drawn[j].numel());
      double correlation =
          (drawn[i].narrow(0, 0, n) * drawn[j].narrow(0, 0, n)).mean().item<double>();
      CHECK(std::abs(correlation) < 5 / std::sqrt(static_cast<double>(n)));
    }
  }
}

TEST_CASE("a matrix of an odd number of weights is filled to its end") {
  Parameters p = filled({3, 2, 1, 1, 1, true}, 6, 0.5);
  CHECK(p.weight("layers.0.gate_up").ne(0).all().item<bool>());
  CHECK(p.weight("embedding").ne(0).all().item<bool>());
}

}  // namespace crosslaw::trainer
