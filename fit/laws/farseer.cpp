#include <algorithm>
#include <array>
#include <cmath>

#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// ln_p N = (N^p - 1)/p, the logarithm where p is 0, with its derivatives by p.
struct PowerLog {
  double value = 0;
  double slope = 0;
  double curvature = 0;

  PowerLog(double p, double x) {
    const double px = p * x;
    if (std::abs(px) < kSeries) {
      value = x * (1 + px / 2 + px * px / 6 + px * px * px / 24);
      slope = x * x * (1.0 / 2 + px / 3 + px * px / 8 + px * px * px / 30);
      curvature = x * x * x * (1.0 / 3 + px / 4 + px * px / 10 + px * px * px / 36);
      return;
    }
    value = std::expm1(px) / p;
    slope = (x * std::exp(px) - value) / p;
    curvature = (x * x * std::exp(px) - 2 * slope) / p;
  }

  static constexpr double kSeries = 1e-3;  // beyond it differences of nearly equal numbers are fine
};

// level ln_power N, the part of a curve in N that is not constant, with its derivatives.
struct Curve {
  double value = 0;
  double by_level = 0;
  double by_power = 0;
  double mixed = 0;  // by both; by the level twice it is 0
  double by_power_twice = 0;

  Curve(double level, double power, double x) {
    const PowerLog log(power, x);
    value = level * log.value;
    by_level = log.value;
    by_power = level * log.slope;
    mixed = log.slope;
    by_power_twice = level * log.curvature;
  }
};

// theta = (s, q, S, B, b, Q, A, a, E), all as they are. L = e^u + e^v, u = S + s ln_q N, and
// v = Q + B ln_b N - e^w log D with w = E + A ln_a N. Li et al. write s N^q + S: the same curves,
// whose coefficients run off to infinity where a power passes 0.
class Farseer {
 public:
  static constexpr int kSize = 9;

  explicit Farseer(const double* theta) : theta_(theta) {}

  double log_loss(const Sample& sample, double* gradient) {
    const double x = sample.log_params;
    floor_ = Curve(theta_[0], theta_[1], x);
    data_ = Curve(theta_[3], theta_[4], x);
    exponent_ = Curve(theta_[6], theta_[7], x);
    const double u = floor_.value + theta_[2];
    fall_ = -std::exp(exponent_.value + theta_[8]) * sample.log_tokens;  // -e^w log D
    const double v = data_.value + theta_[5] + fall_;
    const double high = std::max(u, v);
    const double log_loss = high + std::log1p(std::exp(std::min(u, v) - high));
    floor_share_ = std::exp(u - log_loss);
    data_share_ = std::exp(v - log_loss);
    slope_ = {floor_.by_level,
              floor_.by_power,
              1,
              data_.by_level,
              data_.by_power,
              1,
              fall_ * exponent_.by_level,
              fall_ * exponent_.by_power,
              fall_};
    for (std::size_t i = 0; i < kSize; ++i) {
      // A term that has vanished has no say, however steep it is where it would be.
      const double share = i < kFloorSize ? floor_share_ : data_share_;
      gradient[i] = share > 0 ? share * slope_[i] : 0;
    }
    return log_loss;
  }

  // d2 e^u / e^u = d2 u + du du^T, and so with v: no term has coefficients of both.
  void add_curvature(double scale, double* square) const {
    const auto at = [square](std::size_t row, std::size_t column) -> double& {
      return square[column * kSize + row];
    };
    for (std::size_t j = 0; j < kSize; ++j) {
      const bool of_floor = j < kFloorSize;
      const double own = of_floor ? floor_share_ : data_share_;
      if (!(own > 0)) continue;
      const double share = scale * own;
      for (std::size_t i = j; i < (of_floor ? kFloorSize : kSize); ++i) {
        at(i, j) += share * slope_[i] * slope_[j];
      }
    }
    if (floor_share_ > 0) {
      at(1, 0) += scale * floor_share_ * floor_.mixed;
      at(1, 1) += scale * floor_share_ * floor_.by_power_twice;
    }
    if (!(data_share_ > 0)) return;
    at(4, 3) += scale * data_share_ * data_.mixed;
    at(4, 4) += scale * data_share_ * data_.by_power_twice;
    // -e^w log D: its second derivatives are it times (dw dw^T + d2 w), w linear in E.
    const std::array<double, 3> w = {exponent_.by_level, exponent_.by_power, 1};
    const double fall = scale * data_share_ * fall_;
    for (std::size_t j = 0; j < w.size(); ++j) {
      for (std::size_t i = j; i < w.size(); ++i) at(6 + i, 6 + j) += fall * w[i] * w[j];
    }
    at(7, 6) += fall * exponent_.mixed;
    at(7, 7) += fall * exponent_.by_power_twice;
  }

 private:
  static constexpr std::size_t kFloorSize = 3;  // coefficients of u

  const double* theta_;
  Curve floor_{0, 0, 0}, data_{0, 0, 0}, exponent_{0, 0, 0};
  double fall_ = 0;
  double floor_share_ = 0, data_share_ = 0;
  std::array<double, kSize> slope_{};  // of u by the first three, of v by the others
};

// ln_q (N/e^dx) = e^(-q dx) ln_q N + ln_q e^-dx. log D cannot move: its factor is no power of N.
void shift(double* theta, double dx, double /*dy*/) {
  for (const int level : {0, 3, 6}) {
    const double power = theta[level + 1];
    theta[level + 2] += theta[level] * PowerLog(power, -dx).value;
    theta[level] *= std::exp(-power * dx);
  }
}

// The middle of the points has a floor and a data term that add up to its loss; how both and the
// exponent change with N is drawn from what grids of runs show.
void guess(double* theta, const Sample& middle, std::span<const double> u) {
  constexpr double kMostPower = 0.6;
  const auto power = [&](std::size_t i) { return kMostPower * (2 * u[i] - 1); };
  const double floor = 0.3 + 0.68 * u[0];
  const double exponent = 0.08 * std::pow(12, u[1]);
  const double exponent_slope = 0.4 * (u[2] - 0.5);
  const double data_slope = 0.8 * (u[3] - 0.5);
  theta[0] = 0.02 - 0.25 * u[4];
  theta[1] = power(5);
  theta[2] = middle.log_loss + std::log(floor);
  // The prefactor must undo what the exponent does to D^-exponent far from D = 1.
  theta[3] = data_slope + exponent * exponent_slope * middle.log_tokens;
  theta[4] = power(7);
  theta[5] = middle.log_loss + std::log1p(-floor) + exponent * middle.log_tokens;
  theta[6] = exponent_slope;
  theta[7] = power(6);
  theta[8] = std::log(exponent);
}

CoefficientInfo plain(std::string_view name, Axis axis, double most) {
  return {name, Kind::kExponent, axis, -most, most};
}

}  // namespace

const Law& farseer_law() {
  static constexpr double kMostLevel = 200;  // with the origin in the middle of the sizes
  static constexpr double kMostPower = 4;
  static const Law law = [] {
    Law out{"farseer",
            "L = exp(S + s ln_q N) + exp(Q + B ln_b N) D^-exp(E + A ln_a N), "
            "ln_q N = (N^q - 1)/q",
            {plain("s", Axis::kParams, kMostLevel), plain("q", Axis::kParams, kMostPower),
             plain("S", Axis::kParams, kMostLevel), plain("B", Axis::kNone, kMostLevel),
             plain("b", Axis::kNone, kMostPower), plain("Q", Axis::kTokens, kMostLevel),
             plain("A", Axis::kNone, kMostLevel), plain("a", Axis::kNone, kMostPower),
             plain("E", Axis::kTokens, kMostLevel)},
            kernel_log_loss<Farseer>,
            kernel_accumulate<Farseer>,
            shift};
    out.guess = guess;
    out.moves_tokens = false;
    out.constrainable = false;
    return out;
  }();
  return law;
}

}  // namespace crosslaw::fit
