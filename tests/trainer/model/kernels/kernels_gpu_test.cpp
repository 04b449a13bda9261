// Every CUDA kernel, compiled for the machine of tests/support/cuda_on_cpu, against its formula in
// fp64 and against its CPU twin, in several orders of its threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/cuda_on_cpu/cuda_runtime.h"
#include "tests/support/cuda_on_cpu/numbers.h"
#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using tests::Numbers;

constexpr Precision kPrecisions[] = {Precision::kFloat32, Precision::kBfloat16};

Floats random(int64_t count, uint64_t seed, double scale = 1.0) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal(0.0, scale);
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(normal(generator));
  return values;
}

Floats zeros(int64_t count) { return Floats(static_cast<size_t>(count)); }

// Largest difference over the largest number of the reference, infinite where one of the two is not
// finite.
double difference(const Floats& values, const Doubles& reference) {
  REQUIRE(values.size() == reference.size());
  double largest = 1e-30, worst = 0;
  for (double number : reference) largest = std::max(largest, std::abs(number));
  for (size_t i = 0; i < values.size(); ++i) {
    double apart = std::abs(values[i] - reference[i]) / largest;
    worst = std::isfinite(apart) ? std::max(worst, apart) : INFINITY;
  }
  return worst;
}

// What one launch wrote, by name.
struct Output {
  const char* name;
  Floats values;
};
using Outputs = std::vector<Output>;

struct Expected {
  Doubles values;
  double fp32_tolerance, bf16_tolerance;
};

// Runs the CPU twin in fp32 and the CUDA twin in both precisions, the latter in five orders of its
// threads; `run` gives their outputs for a target, and those of the inputs' rounding for the CPU.
void compare(const std::function<Outputs(const KernelTarget&, Precision)>& run,
             const std::function<std::vector<Expected>(Precision)>& reference) {
  using cuda_on_cpu::Order;
  for (Precision precision : kPrecisions) {
    INFO((precision == Precision::kBfloat16 ? "bf16" : "fp32"));
    const std::vector<Expected> expected = reference(precision);
    cuda_on_cpu::run_in({Order::kUp});
    const Outputs gpu = run({true, precision, nullptr}, precision), cpu = run({}, precision);
    REQUIRE(gpu.size() == expected.size());
    for (size_t i = 0; i < gpu.size(); ++i) {
      INFO(gpu[i].name);
      const bool bf16 = precision == Precision::kBfloat16;
      CHECK(difference(gpu[i].values, expected[i].values) <=
            (bf16 ? expected[i].bf16_tolerance : expected[i].fp32_tolerance));
      CHECK(difference(cpu[i].values, expected[i].values) <=
            (bf16 ? expected[i].bf16_tolerance : expected[i].fp32_tolerance));
    }
    for (Order order : {Order{Order::kDown}, Order{Order::kRandom, 1}, Order{Order::kRandom, 2},
                        Order{Order::kRandom, 3}}) {
      cuda_on_cpu::run_in(order);
      const Outputs again = run({true, precision, nullptr}, precision);
      for (size_t i = 0; i < gpu.size(); ++i) {
        INFO(gpu[i].name << " in another order of the threads");
        CHECK(std::memcmp(again[i].values.data(), gpu[i].values.data(),
                          gpu[i].values.size() * sizeof(float)) == 0);
      }
    }
  }
}

// Inputs in the target's precision; the CPU sees the rounded numbers in fp32.
Numbers given(const KernelTarget& target, Precision precision, const Floats& values) {
  return target.gpu ? Numbers(precision, values)
                    : Numbers(Precision::kFloat32, Numbers(precision, values).values());
}

Floats rounded(Precision precision, const Floats& values) {
  return Numbers(precision, values).values();
}

void compare_norm_forward(int64_t rows, int64_t columns, bool with_delta) {
  INFO(rows << " x " << columns << (with_delta ? " with" : " without") << " delta");
  const Floats x = random(rows * columns, 1), delta = random(rows * columns, 2),
               weight = random(columns, 3);
  auto run = [&](const KernelTarget& target, Precision precision) {
    Numbers in = given(target, precision, x), added = given(target, precision, delta),
            w = given(target, precision, weight), sum = given(target, precision, x),
            y = given(target, precision, x);
    Floats rstd = zeros(rows);
    rms_norm_forward(target, {rows, columns, 1e-5, in.data(), with_delta ? added.data() : nullptr,
                              w.data(), sum.data(), y.data(), rstd.data()});
    return Outputs{{"sum", sum.values()}, {"y", y.values()}, {"rstd", rstd}};
  };
  compare(run, [&](Precision precision) {
    const Floats a = rounded(precision, x), b = rounded(precision, delta),
                 w = rounded(precision, weight);
    Doubles sum(a.size()), y(a.size()), rstd;
    for (int64_t r = 0; r < rows; ++r) {
      double squares = 0;
      for (int64_t c = 0; c < columns; ++c) {
        const size_t i = static_cast<size_t>(r * columns + c);
        sum[i] = a[i] + (with_delta ? static_cast<double>(b[i]) : 0.0);
        squares += sum[i] * sum[i];
      }
      rstd.push_back(1 / std::sqrt(squares / static_cast<double>(columns) + 1e-5));
      for (int64_t c = 0; c < columns; ++c) {
        const size_t i = static_cast<size_t>(r * columns + c);
        y[i] = sum[i] * rstd.back() * w[static_cast<size_t>(c)];
      }
    }
    // bf16 keeps 8 bits: half a unit in the last place is up to 2^-8 = 0.004, and y is rounded
    // twice.
    return std::vector<Expected>{{sum, 2e-7, 4e-3}, {y, 2e-6, 8e-3}, {rstd, 2e-6, 4e-3}};
  });
}

void compare_norm_backward(int64_t rows, int64_t columns, bool accumulate) {
  INFO(rows << " x " << columns << (accumulate ? ", added" : ""));
  const Floats d_y = random(rows * columns, 4), sum = random(rows * columns, 5),
               weight = random(columns, 6), before = random(rows * columns, 7),
               d_weight_before = random(columns, 8);
  Floats rstd = random(rows, 9);
  for (float& value : rstd) value = 0.5f + std::abs(value);
  auto run = [&](const KernelTarget& target, Precision precision) {
    Numbers dy = given(target, precision, d_y), s = given(target, precision, sum),
            w = given(target, precision, weight), d_sum = given(target, precision, before);
    Floats d_weight = d_weight_before,
           scratch(static_cast<size_t>(kRmsNormScratchRows * columns), NAN);
    rms_norm_backward(target, {rows, columns, accumulate, dy.data(), s.data(), w.data(),
                               rstd.data(), d_sum.data(), d_weight.data(), scratch.data()});
    return Outputs{{"d_sum", d_sum.values()}, {"d_weight", d_weight}};
  };
  compare(run, [&](Precision precision) {
    const Floats dy = rounded(precision, d_y), s = rounded(precision, sum),
                 w = rounded(precision, weight), b = rounded(precision, before);
    Doubles d_sum(dy.size()), d_weight(d_weight_before.begin(), d_weight_before.end());
    for (int64_t r = 0; r < rows; ++r) {
      const double k = rstd[static_cast<size_t>(r)];
      double dot = 0;
      for (int64_t c = 0; c < columns; ++c) {
        const size_t i = static_cast<size_t>(r * columns + c), j = static_cast<size_t>(c);
        dot += static_cast<double>(dy[i]) * w[j] * s[i];
        d_weight[j] += static_cast<double>(dy[i]) * s[i] * k;
      }
      for (int64_t c = 0; c < columns; ++c) {
        const size_t i = static_cast<size_t>(r * columns + c), j = static_cast<size_t>(c);
        d_sum[i] = (accumulate ? static_cast<double>(b[i]) : 0.0) + k * w[j] * dy[i] -
                   dot * k * k * k / static_cast<double>(columns) * s[i];
      }
    }
    return std::vector<Expected>{{d_sum, 4e-6, 4e-3}, {d_weight, 2e-5, 2e-5}};
  });
}

// `apart`: q, k and v come each from a place of its own.
void compare_rotary(int64_t rows, int64_t context, int64_t heads, int64_t kv_heads, int64_t size,
                    bool inverse, bool apart) {
  INFO(rows << " rows, context " << context << ", " << heads << " and " << kv_heads << " heads of "
            << size << (inverse ? ", backwards" : "") << (apart ? ", from apart" : ""));
  const int64_t half = size / 2, width = (heads + 2 * kv_heads) * size;
  Floats cosines, sines;
  for (int64_t t = 0; t < context; ++t) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(t) *
                           std::pow(1e4, -2.0 * static_cast<double>(i) / static_cast<double>(size));
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  const Floats packed = random(rows * width, 10);
  // The columns [first, first + count) of all rows, as a matrix of its own.
  auto columns = [&](int64_t first, int64_t count) {
    Floats part;
    for (int64_t t = 0; t < rows; ++t)
      part.insert(part.end(), packed.begin() + t * width + first,
                  packed.begin() + t * width + first + count);
    return part;
  };
  auto run = [&](const KernelTarget& target, Precision precision) {
    const int64_t queries = heads * size, keys = kv_heads * size;
    Numbers q = given(target, precision, columns(0, queries)),
            k = given(target, precision, columns(queries, keys)),
            v = given(target, precision, columns(queries + keys, keys)),
            qkv = given(target, precision, apart ? Floats(packed.size(), NAN) : packed);
    Rotary rotation{rows,           context,      heads,      size,    inverse,
                    cosines.data(), sines.data(), qkv.data(), kv_heads};
    if (apart) rotation.q = q.data(), rotation.k = k.data(), rotation.v = v.data();
    rotary(target, rotation);
    return Outputs{{"qkv", qkv.values()}};
  };
  compare(run, [&](Precision precision) {
    const Floats in = rounded(precision, packed);
    Doubles out(in.begin(), in.end());
    for (int64_t t = 0; t < rows; ++t) {
      for (int64_t head = 0; head < heads + kv_heads; ++head) {
        for (int64_t i = 0; i < half; ++i) {
          const size_t a = static_cast<size_t>(t * width + head * size + i),
                       b = a + static_cast<size_t>(half),
                       angle = static_cast<size_t>(t % context * half + i);
          const double sine = inverse ? -sines[angle] : sines[angle];
          out[a] = in[a] * cosines[angle] - in[b] * sine;
          out[b] = in[b] * cosines[angle] + in[a] * sine;
        }
      }
    }
    return std::vector<Expected>{{out, 2e-7, 4e-3}};
  });
}

void compare_swiglu(int64_t rows, int64_t columns, double scale) {
  INFO(rows << " x " << columns << ", numbers of " << scale);
  const Floats packed = random(rows * 2 * columns, 11, scale), d_out = random(rows * columns, 12);
  auto run = [&](const KernelTarget& target, Precision precision) {
    Numbers gate_up = given(target, precision, packed), y = given(target, precision, d_out),
            d_y = given(target, precision, d_out), d_gate_up = given(target, precision, packed);
    swiglu_forward(target, {rows, columns, gate_up.data(), y.data(), nullptr, nullptr});
    swiglu_backward(target, {rows, columns, gate_up.data(), nullptr, d_y.data(), d_gate_up.data()});
    return Outputs{{"y", y.values()}, {"d_gate_up", d_gate_up.values()}};
  };
  compare(run, [&](Precision precision) {
    const Floats in = rounded(precision, packed), dy = rounded(precision, d_out);
    Doubles y(dy.size()), d(in.size());
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        const size_t gate = static_cast<size_t>(r * 2 * columns + c),
                     up = gate + static_cast<size_t>(columns),
                     i = static_cast<size_t>(r * columns + c);
        const double g = in[gate], sigmoid = 1 / (1 + std::exp(-g));
        y[i] = g * sigmoid * in[up];
        d[gate] = dy[i] * in[up] * (sigmoid + g * sigmoid * (1 - sigmoid));
        d[up] = dy[i] * g * sigmoid;
      }
    }
    return std::vector<Expected>{{y, 2e-6, 4e-3}, {d, 4e-6, 4e-3}};
  });
}

void compare_cross_entropy(int64_t rows, int64_t vocabulary, float d_scale, double scale) {
  INFO(rows << " x " << vocabulary << ", d_scale " << d_scale << ", logits of " << scale);
  const Floats logits = random(rows * vocabulary, 13, scale);
  std::vector<int64_t> targets;
  for (int64_t r = 0; r < rows; ++r)  // the first, the last, and some in between
    targets.push_back(r == 0 ? 0 : r == 1 ? vocabulary - 1 : r * 7919 % vocabulary);
  auto run = [&](const KernelTarget& target, Precision precision) {
    Numbers in = given(target, precision, logits);
    Floats loss = zeros(rows);
    cross_entropy(target, {rows, vocabulary, d_scale, in.data(), targets.data(), loss.data()});
    if (d_scale == 0) return Outputs{{"loss", loss}};  // the logits may hold anything
    return Outputs{{"loss", loss}, {"gradient", in.values()}};
  };
  compare(run, [&](Precision precision) {
    const Floats in = rounded(precision, logits);
    Doubles loss, gradient(in.size());
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = in.data() + r * vocabulary;
      double largest = -INFINITY, sum = 0;
      for (int64_t v = 0; v < vocabulary; ++v)
        largest = std::max(largest, static_cast<double>(row[v]));
      for (int64_t v = 0; v < vocabulary; ++v) sum += std::exp(row[v] - largest);
      const int64_t target = targets[static_cast<size_t>(r)];
      loss.push_back(std::log(sum) + largest - row[target]);
      for (int64_t v = 0; v < vocabulary; ++v)
        gradient[static_cast<size_t>(r * vocabulary + v)] =
            d_scale * (std::exp(row[v] - largest) / sum - (v == target ? 1.0 : 0.0));
    }
    if (d_scale == 0) return std::vector<Expected>{{loss, 3e-6, 3e-6}};
    return std::vector<Expected>{{loss, 3e-6, 3e-6}, {gradient, 4e-6, 4e-3}};
  });
}

// Tokens as they come, many of them twice and more; `vocabulary` 1: all of them.
void compare_embedding_backward(int64_t rows, int64_t columns, int64_t vocabulary) {
  const Floats d_rows = random(rows * columns, 18), before = random(vocabulary * columns, 19);
  std::vector<int64_t> tokens, order(static_cast<size_t>(rows)), sorted;
  for (int64_t r = 0; r < rows; ++r) tokens.push_back(r * r * 7919 % 1013 % vocabulary);
  std::iota(order.begin(), order.end(), 0);
  auto token_of = [&](int64_t row) { return tokens[static_cast<size_t>(row)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return token_of(a) < token_of(b); });
  for (int64_t row : order) sorted.push_back(token_of(row));
  auto run = [&](const KernelTarget& target, Precision precision) {
    Numbers rows_in = given(target, precision, d_rows);
    Floats d_embedding = before;
    embedding_backward(
        target, {rows, columns, rows_in.data(), sorted.data(), order.data(), d_embedding.data()});
    if (!target.gpu) {  // the CPU needs no order
      Floats unsorted = before;
      embedding_backward(target,
                         {rows, columns, rows_in.data(), tokens.data(), nullptr, unsorted.data()});
      CHECK(unsorted == d_embedding);
    }
    return Outputs{{"d_embedding", d_embedding}};
  };
  compare(run, [&](Precision precision) {
    const Floats in = rounded(precision, d_rows);
    Doubles sums(before.begin(), before.end());
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        sums[static_cast<size_t>(token_of(r) * columns + c)] +=
            in[static_cast<size_t>(r * columns + c)];
    return std::vector<Expected>{{sums, 1e-6, 1e-6}};  // sums of bf16 are fp32, too
  });
}

void compare_adamw(int64_t count, int64_t step, double clip_norm, double decay) {
  INFO(count << " weights, step " << step << ", clipped to " << clip_norm);
  const Floats gradient = random(count, 14, 1e-3), start = random(count, 15, 0.02),
               first = random(count, 16, 1e-4);
  Floats second = random(count, 17, 1e-4);
  double squares = 0;
  for (float& value : second) value *= value;
  for (float value : gradient) squares += static_cast<double>(value) * value;
  const float norm = static_cast<float>(std::sqrt(squares));
  const double rate = 1e-2, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  auto run = [&](const KernelTarget& target, Precision precision) {
    Floats master = start, m = first, v = second;
    Numbers weights(precision, start);
    const bool apart = target.gpu && precision == Precision::kBfloat16;
    adamw(target, {count, step, rate, beta1, beta2, epsilon, decay, clip_norm, &norm,
                   gradient.data(), master.data(), m.data(), v.data(),
                   apart ? weights.data() : static_cast<void*>(master.data())});
    Floats written = apart ? weights.values() : rounded(precision, master);
    CHECK(written == rounded(precision, master));  // the master copy, rounded
    return Outputs{{"master", master}, {"moment1", m}, {"moment2", v}};
  };
  compare(run, [&](Precision) {
    Doubles master, m, v;
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double clip = clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1.0,
                   g = gradient[i] * clip;
      m.push_back(beta1 * first[i] + (1 - beta1) * g);
      v.push_back(beta2 * second[i] + (1 - beta2) * g * g);
      master.push_back(start[i] * (1 - rate * decay) -
                       rate * (m.back() / (1 - std::pow(beta1, step))) /
                           (std::sqrt(v.back() / (1 - std::pow(beta2, step))) + epsilon));
    }
    return std::vector<Expected>{{master, 2e-6, 2e-6}, {m, 1e-6, 1e-6}, {v, 1e-6, 1e-6}};
  });
}

}  // namespace

// Widths below a warp, off 16 bytes, of several chunks a thread; rows on both sides of scratch's.
TEST_CASE("on a GPU residual and norm are their formula") {
  for (int64_t columns : {1, 8, 37, 640, 1001})
    for (bool with_delta : {false, true}) compare_norm_forward(3, columns, with_delta);
  compare_norm_forward(2, 9000, true);
}

TEST_CASE("on a GPU the gradient through a norm is its formula") {
  for (int64_t columns : {1, 8, 37, 640, 1001})
    for (bool accumulate : {false, true}) compare_norm_backward(3, columns, accumulate);
  compare_norm_backward(2, 9000, true);
  compare_norm_backward(2, 2999, true);
  compare_norm_backward(4 * kRmsNormScratchRows + 3, 8, true);
}

TEST_CASE("on a GPU the rotary embedding is its formula, both ways") {
  for (bool inverse : {false, true}) {
    for (bool apart : {false, true}) {
      compare_rotary(1, 1, 1, 1, 2, inverse, apart);
      compare_rotary(7, 7, 3, 3, 10, inverse, apart);
      compare_rotary(12, 5, 6, 2, 64, inverse, apart);
      compare_rotary(3, 3, 20, 20, 128, inverse, apart);
    }
  }
}

TEST_CASE("on a GPU the gated product and its gradient are their formula, far out too") {
  for (double scale : {1.0, 60.0}) {
    for (int64_t columns : {1, 37, 256, 257, 1792}) compare_swiglu(3, columns, scale);
    compare_swiglu(2, 8448, scale);
  }
}

TEST_CASE("on a GPU cross-entropy and its gradient are their formula") {
  for (float d_scale : {0.0f, 0.25f, 1.0f / 1048576}) {
    for (int64_t vocabulary : {2, 17, 256, 1001})
      for (double scale : {1.0, 200.0}) compare_cross_entropy(4, vocabulary, d_scale, scale);
  }
  compare_cross_entropy(2, 32'000, 0.25f, 1.0);
  compare_cross_entropy(2, 70'000, 0.25f, 1.0);  // longer than what threads hold
}

TEST_CASE("on a GPU the look-up's gradient is a sum over a token's rows, in fp32 of bf16 too") {
  for (int64_t columns : {1, 24, 37, 2056}) compare_embedding_backward(57, columns, 11);
  for (int64_t vocabulary : {1, 3, 1013}) compare_embedding_backward(40, 64, vocabulary);
}

TEST_CASE("on a GPU an AdamW step is its formula, clipped or not") {
  for (int64_t count : {1, 255, 1024, 10'007}) {
    compare_adamw(count, 1, 1.0, 0.1);
    compare_adamw(count, 5, 0.001, 0.1);
    compare_adamw(count, 100'000, 0.0, 0.0);
  }
}

}  // namespace crosslaw::trainer
