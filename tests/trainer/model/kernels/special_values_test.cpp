// NaN, infinities and the largest numbers: both twins of every kernel hand them on alike, so that a
// training that has left the numbers is seen at once, on the CPU as on a GPU.
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/cuda_on_cpu/numbers.h"
#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer {
namespace {

using Floats = std::vector<float>;
using tests::Numbers;

const float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = INFINITY, kHuge = 3e38f;

Floats ordinary(int64_t count) {  // ordinary numbers, none of them zero
  Floats values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(std::sin(1.0 + 0.7 * static_cast<double>(i)) + 1.5));
  return values;
}

Floats with(Floats values, int64_t place, float special) {
  values[static_cast<size_t>(place)] = special;
  return values;
}

// Both are NaN, the same infinity, or close to each other. Where huge numbers meet, the last bit of
// an intermediate result decides between infinity and NaN: there both need only be not finite.
bool alike(float a, float b, double tolerance, bool huge) {
  if (huge && (std::abs(a) > 3.3e38f || std::abs(b) > 3.3e38f || std::isnan(a) || std::isnan(b)))
    return !(std::abs(a) <= 3.3e38f) && !(std::abs(b) <= 3.3e38f);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::abs(a - b) <= tolerance * std::max({std::abs(a), std::abs(b), 1e-3f});
}

using Run = std::function<std::vector<Floats>(const KernelTarget&, Precision)>;

void require_twins_alike(bool huge, const Run& run) {
  for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    const auto gpu = run({true, precision, nullptr}, precision), cpu = run({}, precision);
    REQUIRE(gpu.size() == cpu.size());
    for (size_t output = 0; output < gpu.size(); ++output) {
      for (size_t i = 0; i < gpu[output].size(); ++i) {
        INFO((precision == Precision::kBfloat16 ? "bf16" : "fp32")
             << ", output " << output << ", element " << i << ": GPU " << gpu[output][i] << ", CPU "
             << cpu[output][i]);
        REQUIRE(alike(gpu[output][i], cpu[output][i],
                      precision == Precision::kBfloat16 ? 1e-2 : 1e-5, huge));
      }
    }
  }
}

Numbers numbers_given(const KernelTarget& target, Precision precision, const Floats& values) {
  return target.gpu ? Numbers(precision, values)
                    : Numbers(Precision::kFloat32, Numbers(precision, values).values());
}

// Calls body(inputs) with each special value in each place of interest of each input.
void in_each_input(const std::vector<Floats>& inputs, const std::vector<int64_t>& places,
                   const std::function<void(const std::vector<Floats>&, bool huge)>& body) {
  for (float special : {kNan, kInfinity, -kInfinity, kHuge, -kHuge}) {
    for (size_t input = 0; input < inputs.size(); ++input) {
      for (int64_t place : places) {
        if (place >= static_cast<int64_t>(inputs[input].size())) continue;
        INFO(special << " in input " << input << " at " << place);
        std::vector<Floats> changed = inputs;
        changed[input] = with(inputs[input], place, special);
        body(changed, std::abs(special) == kHuge);
      }
    }
  }
}

constexpr int64_t kRows = 3, kColumns = 40;
const std::vector<int64_t> kPlaces = {0, 39, 57};  // first, last of a row, inside the second

struct Loss {
  float loss;
  Floats gradient;
};

Loss cpu_loss(Floats logits, int64_t target, float d_scale) {
  Loss result{};
  const int64_t vocabulary = static_cast<int64_t>(logits.size());
  cross_entropy({}, {1, vocabulary, d_scale, logits.data(), &target, &result.loss});
  result.gradient = logits;
  return result;
}

}  // namespace

TEST_CASE("special values pass through the norm alike in both twins") {
  in_each_input({ordinary(kRows * kColumns), ordinary(kRows * kColumns), ordinary(kColumns)},
                kPlaces, [](const std::vector<Floats>& in, bool huge) {
                  require_twins_alike(huge, [&](const KernelTarget& target, Precision precision) {
                    Numbers x = numbers_given(target, precision, in[0]),
                            delta = numbers_given(target, precision, in[1]),
                            weight = numbers_given(target, precision, in[2]), sum = x, y = x;
                    Floats rstd(kRows);
                    rms_norm_forward(target, {kRows, kColumns, 1e-5, x.data(), delta.data(),
                                              weight.data(), sum.data(), y.data(), rstd.data()});
                    return std::vector<Floats>{sum.values(), y.values(), rstd};
                  });
                });
}

TEST_CASE("special values pass through the norm's gradient alike in both twins") {
  in_each_input(
      {ordinary(kRows * kColumns), ordinary(kRows * kColumns), ordinary(kColumns), ordinary(kRows)},
      kPlaces, [](const std::vector<Floats>& in, bool huge) {
        require_twins_alike(huge, [&](const KernelTarget& target, Precision precision) {
          Numbers d_y = numbers_given(target, precision, in[0]),
                  sum = numbers_given(target, precision, in[1]),
                  weight = numbers_given(target, precision, in[2]), d_sum = d_y;
          Floats d_weight(kColumns), scratch(static_cast<size_t>(kRmsNormScratchRows * kColumns));
          rms_norm_backward(target, {kRows, kColumns, true, d_y.data(), sum.data(), weight.data(),
                                     in[3].data(), d_sum.data(), d_weight.data(), scratch.data()});
          return std::vector<Floats>{d_sum.values(), d_weight};
        });
      });
}

TEST_CASE("special values pass through the rotation alike in both twins") {
  constexpr int64_t kHeads = 2, kSize = 8;
  in_each_input({ordinary(kRows * 3 * kHeads * kSize), ordinary(kRows * kSize / 2)},
                {0, 7, 20, 33, 50}, [](const std::vector<Floats>& in, bool huge) {
                  require_twins_alike(huge, [&](const KernelTarget& target, Precision precision) {
                    Numbers qkv = numbers_given(target, precision, in[0]);
                    rotary(target, {kRows, kRows, kHeads, kSize, false, in[1].data(), in[1].data(),
                                    qkv.data()});
                    return std::vector<Floats>{qkv.values()};
                  });
                });
}

TEST_CASE("special values pass through the gated product alike in both twins") {
  in_each_input(
      {ordinary(kRows * 2 * kColumns), ordinary(kRows * kColumns)}, {0, 39, 40, 79, 85, 130},
      [](const std::vector<Floats>& in, bool huge) {
        require_twins_alike(huge, [&](const KernelTarget& target, Precision precision) {
          Numbers gate_up = numbers_given(target, precision, in[0]),
                  d_y = numbers_given(target, precision, in[1]), y = d_y, d_gate_up = gate_up;
          swiglu_forward(target, {kRows, kColumns, gate_up.data(), y.data(), nullptr, nullptr});
          swiglu_backward(target,
                          {kRows, kColumns, gate_up.data(), nullptr, d_y.data(), d_gate_up.data()});
          return std::vector<Floats>{y.values(), d_gate_up.values()};
        });
      });
}

TEST_CASE("special logits pass through cross-entropy alike in both twins") {
  for (float d_scale : {0.0f, 0.5f}) {
    in_each_input({ordinary(kRows * kColumns)}, {0, 17, 39, 57},
                  [&](const std::vector<Floats>& in, bool huge) {
                    require_twins_alike(huge, [&](const KernelTarget& target, Precision precision) {
                      Numbers logits = numbers_given(target, precision, in[0]);
                      const std::vector<int64_t> targets = {17, 0, 39};
                      Floats loss(kRows);
                      cross_entropy(target, {kRows, kColumns, d_scale, logits.data(),
                                             targets.data(), loss.data()});
                      if (d_scale == 0) return std::vector<Floats>{loss};
                      return std::vector<Floats>{loss, logits.values()};
                    });
                  });
  }
}

TEST_CASE("special gradients and norms pass through AdamW alike in both twins") {
  const int64_t count = 50;
  in_each_input({ordinary(count), ordinary(count), ordinary(count), ordinary(count), ordinary(1)},
                {0, 33}, [&](const std::vector<Floats>& in, bool huge) {
                  require_twins_alike(huge, [&](const KernelTarget& target, Precision) {
                    Floats master = in[1], m = in[2], v = in[3];
                    Numbers weights(Precision::kBfloat16, master);
                    const bool apart = target.gpu && target.precision == Precision::kBfloat16;
                    adamw(target, {count, 3, 0.01, 0.9, 0.95, 1e-8, 0.1, 1.0, in[4].data(),
                                   in[0].data(), master.data(), m.data(), v.data(),
                                   apart ? weights.data() : static_cast<void*>(master.data())});
                    return std::vector<Floats>{master, m, v};
                  });
                });
}

TEST_CASE("one logit that is NaN or infinite makes loss and gradient NaN, wherever it stands") {
  for (int64_t vocabulary : {2, 3, 17, 64, 100}) {
    for (int64_t place = 0; place < vocabulary; ++place) {
      for (float special : {kNan, kInfinity}) {
        for (int64_t target : {int64_t{0}, place, vocabulary - 1}) {
          const Loss loss = cpu_loss(with(ordinary(vocabulary), place, special), target, 1.0f);
          REQUIRE(std::isnan(loss.loss));
          REQUIRE(std::isnan(loss.gradient[static_cast<size_t>(place)]));
        }
      }
    }
  }
}

TEST_CASE("a token that cannot come costs nothing, as a target everything") {
  const int64_t vocabulary = 50;
  Floats logits(static_cast<size_t>(vocabulary), -kInfinity);
  logits[7] = logits[8] = 3;
  CHECK(cpu_loss(logits, 7, 1.0f).loss == Approx(std::log(2.0)));
  CHECK(cpu_loss(logits, 7, 1.0f).gradient[0] == 0);
  CHECK(cpu_loss(logits, 9, 1.0f).loss == kInfinity);
  CHECK(std::isnan(cpu_loss(Floats(50, -kInfinity), 0, 1.0f).loss));
}

TEST_CASE("equal logits cost log V, however large they are") {
  for (float logit : {0.0f, 1e8f, kHuge, -kHuge})
    CHECK(cpu_loss(Floats(50, logit), 3, 1.0f).loss == Approx(std::log(50.0)));
}

TEST_CASE("attention hands on what is not finite to every token that sees it") {
  const int64_t context = 70, size = 6, token = 33;
  for (float special : {kNan, kInfinity}) {
    for (int64_t which : {0, 1, 2}) {  // query, key, value
      INFO(special << " in " << which);
      Floats qkv = ordinary(context * 3 * size), attended(static_cast<size_t>(context * size)),
             log_sum_exp(static_cast<size_t>(context));
      qkv[static_cast<size_t>((token * 3 + which) * size + 2)] = special;
      CausalAttention problem{
          1, context, 1, size, qkv.data(), attended.data(), log_sum_exp.data(), nullptr, nullptr};
      causal_attention_forward(problem);
      // The tokens before it do not see it (a value's NaN reaches those of its block: 0 NaN is
      // NaN).
      for (int64_t i = 0; which == 1 && i < token * size; ++i)
        REQUIRE(std::isfinite(attended[static_cast<size_t>(i)]));
      const int64_t last = which == 0 ? token : context - 1;
      for (int64_t t = token; t <= last; ++t) {
        bool finite = true;
        for (int64_t c = 0; c < size; ++c)
          finite = finite && std::isfinite(attended[static_cast<size_t>(t * size + c)]);
        REQUIRE_FALSE(finite);
      }
      Floats d_attended(attended.size(), 1.0f), d_qkv(qkv.size());
      problem.d_attended = d_attended.data(), problem.d_qkv = d_qkv.data();
      causal_attention_backward(problem);
      bool finite = true;
      for (float number : d_qkv) finite = finite && std::isfinite(number);
      CHECK_FALSE(finite);
    }
  }
}

TEST_CASE(
    "a look-up's special gradient reaches its token's row alike in both twins, and no other") {
  const int64_t rows = 6, columns = 9, vocabulary = 4;
  const std::vector<int64_t> tokens = {0, 0, 2, 2, 2, 3}, order = {1, 4, 0, 2, 5, 3};
  for (float special : {kNan, kInfinity, -kInfinity, kHuge}) {
    const Floats d_rows = with(ordinary(rows * columns), 2 * columns + 4, special);  // of token 2
    require_twins_alike(special == kHuge, [&](const KernelTarget& target, Precision precision) {
      Numbers in = numbers_given(target, precision, d_rows);
      Floats d_embedding(static_cast<size_t>(vocabulary * columns), 1.0f);
      embedding_backward(
          target, {rows, columns, in.data(), tokens.data(), order.data(), d_embedding.data()});
      for (int64_t i = 0; i < vocabulary * columns; ++i) {
        const bool touched = i == 2 * columns + 4;
        REQUIRE((std::abs(d_embedding[static_cast<size_t>(i)]) < 100.0f) == !touched);
      }
      return std::vector<Floats>{d_embedding};
    });
  }
}

// Of two numbers about a million the steps are of 1/16, in which the logarithm would drown.
TEST_CASE("beside logits of a million the loss keeps its digits in both twins") {
  const Floats logits = {1e6f, 1e6f + 1, 1e6f - 2, 1e6f};
  const std::vector<int64_t> targets = {2};
  for (bool gpu : {false, true}) {
    Floats in = logits, loss(1);
    cross_entropy({gpu, Precision::kFloat32, nullptr},
                  {1, 4, 0.0f, in.data(), targets.data(), loss.data()});
    CHECK(loss[0] == Approx(std::log(2 + std::exp(1.0) + std::exp(-2.0)) + 2).epsilon(2e-6));
  }
}

TEST_CASE("a product hands on what is not finite, in the rows and columns that it belongs to") {
  const int64_t rows = 9, columns = 21, inner = 13;
  for (float special : {kNan, kInfinity}) {
    Floats a = with(ordinary(rows * inner), 4 * inner + 3, special), b = ordinary(inner * columns),
           c(static_cast<size_t>(rows * columns));
    matrix_product(
        {rows, columns, inner, a.data(), inner, 1, b.data(), columns, 1, c.data(), columns, false});
    for (int64_t i = 0; i < rows * columns; ++i) {
      const float found = c[static_cast<size_t>(i)];
      REQUIRE(std::isfinite(found) == (i / columns != 4));
      if (i / columns == 4) continue;
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += static_cast<double>(a[static_cast<size_t>(i / columns * inner + k)]) *
               static_cast<double>(b[static_cast<size_t>(k * columns + i % columns)]);
      REQUIRE(found == Approx(sum).epsilon(1e-5));
    }
  }
}

}  // namespace crosslaw::trainer
