#include "sweep/schedule/run_speed.h"

#include <algorithm>

namespace crosslaw::sweep {
namespace {

// Typical of one slot: a CPU core on small models, 40 % of an H100's dense bf16 peak of 989
// TFLOP/s.
constexpr double kTypicalCpu = 6e10;
constexpr double kTypicalGpu = 4e14;
// What they need a token beyond its FLOPs (what is no matrix product), and a run before its first.
constexpr double kTypicalCpuToken = 6e-6;
constexpr double kTypicalGpuToken = 1e-8;
constexpr double kTypicalStart = 0.1;

// What a wrong proportion of the typical machine costs against a wrong foresight of one run, both
// relative and squared: little, so that a few runs of different sizes outweigh it.
constexpr double kTrust = 0.01;
// The pace of runs that have trained for less is hardly believed: their first steps may be slow.
constexpr double kDoubtSeconds = 10;
constexpr double kShortest = 1e-3;  // seconds; a clock that stood still must not weigh infinitely

RunTime typical_machine(const LaunchSpec& launch, bool gpu) {
  if (gpu) return {kTypicalStart, kTypicalGpuToken, 1 / kTypicalGpu};
  const auto threads = static_cast<double>(launch.threads_per_run);
  return {kTypicalStart, kTypicalCpuToken / threads, 1 / (kTypicalCpu * threads)};
}

using Terms = std::array<double, 3>;
using Products = std::array<Terms, 3>;

double value(const Products& a, const Terms& b, const Terms& x) {
  double out = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) out += a[i][j] * x[i] * x[j];
    out -= 2 * b[i] * x[i];
  }
  return out;
}

// The least value() of the terms named by the bits of `which`, all others 0. `a` is positive
// definite, so that elimination needs no exchange of rows.
Terms least_of(Products a, Terms b, unsigned which) {
  const auto out_of_it = [&](std::size_t i) { return ((which >> i) & 1U) == 0; };
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (out_of_it(i)) a[i] = {}, a[i][i] = 1, b[i] = 0;
  }
  for (std::size_t i = 0; i < b.size(); ++i) {
    for (std::size_t row = i + 1; row < b.size(); ++row) {
      if (out_of_it(row)) continue;
      const double share = a[row][i] / a[i][i];
      for (std::size_t j = i; j < b.size(); ++j) a[row][j] -= share * a[i][j];
      b[row] -= share * b[i];
    }
  }
  for (std::size_t i = b.size(); i-- > 0;) {
    for (std::size_t j = i + 1; j < b.size(); ++j) b[i] -= a[i][j] * b[j];
    b[i] /= a[i][i];
  }
  return b;
}

// The least value() with no term below 0: which of them are above it is tried out.
Terms least_not_negative(const Products& a, const Terms& b) {
  Terms best{};
  for (unsigned which = 1; which < 8; ++which) {
    const Terms x = least_of(a, b, which);
    const bool allowed = std::all_of(x.begin(), x.end(), [](double each) { return each >= 0; });
    if (allowed && value(a, b, x) < value(a, b, best)) best = x;
  }
  return best;
}

}  // namespace

RunTime RunSpeed::typical(const LaunchSpec& launch, bool gpu) {
  if (launch.flops_per_second > 0) return {0, 0, 1 / launch.flops_per_second};
  return typical_machine(launch, gpu);
}

RunSpeed::RunSpeed(const LaunchSpec& launch, bool gpu)
    : stated_(typical(launch, gpu)), typical_(typical_machine(launch, gpu)) {}

void RunSpeed::add(const RunWork& work, double seconds, double training_seconds) {
  const double training = std::clamp(training_seconds, kShortest, std::max(seconds, kShortest));
  count_ += 1;
  beside_ += std::max(0.0, seconds - training);
  training_ += training;
  work_.tokens += work.tokens, work_.flops += work.flops;
  // Runs count by their relative error, for at the end of a sweep many small ones are left.
  const Terms terms{1 / training, work.tokens / training, work.flops / training};
  for (std::size_t i = 0; i < terms.size(); ++i) {
    for (std::size_t j = 0; j < terms.size(); ++j) products_[i][j] += terms[i] * terms[j];
    sums_[i] += terms[i];
  }
}

void RunSpeed::add_part(const RunWork& work, double training_seconds) {
  part_.tokens += work.tokens, part_.flops += work.flops;
  part_seconds_ += training_seconds;
}

// Least squares with neither a negative time nor a negative speed, in units of the typical machine
// at the mean pace of these runs: kTrust draws each term towards 1.
RunTime RunSpeed::finished() const {
  const double pace = training_ / (typical_.start * count_ + typical_.training(work_));
  const Terms unit{pace * typical_.start, pace * typical_.a_token, pace * typical_.a_flop};
  Products a = products_;
  Terms b = sums_;
  for (std::size_t i = 0; i < unit.size(); ++i) {
    for (std::size_t j = 0; j < unit.size(); ++j) a[i][j] *= unit[i] * unit[j];
    a[i][i] += kTrust;
    b[i] = b[i] * unit[i] + kTrust;
  }
  const Terms x = least_not_negative(a, b);
  return {x[0] * unit[0], x[1] * unit[1], x[2] * unit[2]};
}

RunTime RunSpeed::time() const {
  RunTime out = count_ > 0 ? finished() : stated_;
  const double foreseen = out.training(part_);
  const double doubt = count_ > 0 ? kDoubtSeconds : 0;
  const double pace = foreseen > 0 ? (part_seconds_ + doubt) / (foreseen + doubt) : 1;
  out.a_token *= pace, out.a_flop *= pace;
  if (count_ > 0) out.start += beside_ / count_;
  return out;
}

}  // namespace crosslaw::sweep
