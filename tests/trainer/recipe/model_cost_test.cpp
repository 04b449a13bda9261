#include "trainer/recipe/model_cost.h"

#include "tests/support/catch.h"

namespace crosslaw::trainer {

// Outside truth: the published LLaMA-2 7B, 6,738,415,616 parameters.
TEST_CASE("LLaMA-2 7B has its published number of parameters") {
  ModelShape shape{32000, 4096, 11008, 32, 32, false};
  ParameterCount count = count_parameters(shape);
  CHECK(count.total() == 6738415616);
  CHECK(count.embedding == 131072000);
  CHECK(count.unembedding == 131072000);
  CHECK(count.norms == 65 * 4096);
}

TEST_CASE("a tied head is counted once as parameters and once as a product") {
  ModelShape tied{256, 12, 52, 2, 2, true}, untied = tied;
  untied.tied_head = false;
  CHECK(count_parameters(tied).total() == 8028);
  CHECK(count_parameters(untied).total() == 8028 + 256 * 12);
  CHECK(training_flops_per_token(tied, 64) == training_flops_per_token(untied, 64));
}

TEST_CASE("exact FLOPs are 6 per product weight and 12 L d T for attention") {
  ModelShape shape{256, 12, 52, 2, 2, true};
  CHECK(training_flops_per_token(shape, 64) ==
        6.0 * (256 * 12 + 2 * (4 * 144 + 3 * 12 * 52)) + 12.0 * 2 * 12 * 64);
}

TEST_CASE("memory grows with parameters and with the micro-batch") {
  ModelShape shape{32000, 1024, 2816, 16, 16, false};
  double one = training_bytes(shape, 2048, 1, true), two = training_bytes(shape, 2048, 2, true);
  CHECK(one > 18.0 * static_cast<double>(count_parameters(shape).total()));
  CHECK(two - one == Approx(2.0 * 2048 * 16 * (8 * 1024 + 3 * 2816)));
}

}  // namespace crosslaw::trainer
