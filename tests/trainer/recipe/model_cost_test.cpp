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

namespace {

// Forward FLOPs of one token, product by product as the model runs them; a multiply-add counts two.
double forward_flops(const ModelShape& s, int64_t context) {
  auto product = [](int64_t rows, int64_t columns) {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(columns);
  };
  double block = product(s.hidden, s.heads * s.head_size())              // queries
                 + 2 * product(s.hidden, s.key_heads() * s.head_size())  // keys, values
                 + product(s.heads * s.head_size(), s.hidden)            // attention's output
                 + product(s.hidden, 2 * s.ffn)                          // gate and up
                 + product(s.ffn, s.hidden);                             // down
  double attention = static_cast<double>(s.heads) * 2 * product(context, s.head_size());
  return static_cast<double>(s.layers) * (block + attention) + product(s.hidden, s.vocabulary);
}

}  // namespace

// Backward takes two products for each one forward.
TEST_CASE("training FLOPs are three times the forward products, counted one by one") {
  for (const ModelShape& shape :
       {ModelShape{256, 12, 52, 2, 2, true}, ModelShape{32000, 4096, 11008, 32, 32, false},
        ModelShape{100, 30, 7, 3, 1, false}, ModelShape{2, 2, 1, 1, 5, true},
        ModelShape{100, 30, 7, 6, 2, true, 1e-5, 1e4, 2, 8}}) {
    for (int64_t context : {2, 64, 2048}) {
      CHECK(training_flops_per_token(shape, context) ==
            Approx(3 * forward_flops(shape, context)).epsilon(1e-14));
    }
  }
}

// Hoffmann et al. 2022 (arXiv:2203.15556), appendix F: exact FLOPs are near 6ND, N without
// embedding.
TEST_CASE("for long ago published sizes exact FLOPs a token are near six times the parameters") {
  for (const ModelShape& shape : {ModelShape{32000, 4096, 11008, 32, 32, false},
                                  ModelShape{32000, 5120, 13824, 40, 40, false},
                                  ModelShape{32000, 8192, 28672, 64, 80, false}}) {
    ParameterCount count = count_parameters(shape);
    double ratio = training_flops_per_token(shape, 2048) /
                   (6.0 * static_cast<double>(count.total() - count.embedding));
    CHECK(ratio > 1.0);
    CHECK(ratio < 1.1);
  }
}

TEST_CASE("published models have their published numbers of parameters") {
  CHECK(count_parameters({32000, 5120, 13824, 40, 40, false}).total() == 13015864320);
  // LLaMA-2 70B and Llama 3 8B share each head of keys and values among eight and four queries.
  CHECK(count_parameters({32000, 8192, 28672, 64, 80, false, 1e-5, 1e4, 8}).total() == 68976648192);
  CHECK(count_parameters({128256, 4096, 14336, 32, 32, false, 1e-5, 5e5, 8}).total() == 8030261248);
  // Llama 3.2 1B: tied, 32 heads of 64.
  CHECK(count_parameters({128256, 2048, 8192, 32, 16, true, 1e-5, 5e5, 8, 64}).total() ==
        1235814400);
}

TEST_CASE("a checkpoint holds 4 bytes a weight, and both moments when it can be resumed") {
  ModelShape shape{256, 12, 52, 2, 2, true};
  CHECK(checkpoint_bytes(shape, false) == 4.0 * 8028);
  CHECK(checkpoint_bytes(shape, true) == 12.0 * 8028);
}

}  // namespace crosslaw::trainer
