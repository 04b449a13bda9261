#include <algorithm>
#include <array>
#include <cmath>

#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// One curve level N^power as it enters, with its derivatives by (level, power).
struct Curve {
  double value = 0;     // level e^(power x)
  double by_level = 0;  // e^(power x)
  double by_power = 0;
  double mixed = 0;  // second derivative by both; by the level twice it is 0
  double by_power_twice = 0;

  Curve(double level, double power, double x)
      : value(level * std::exp(power * x)),
        by_level(std::exp(power * x)),
        by_power(x * value),
        mixed(x * by_level),
        by_power_twice(x * by_power) {}
};

// theta = (s, q, S, B, b, Q, A, a, E), all as they are. L = e^u + e^v, u of the first three, v of
// the others: v = B N^b + Q - e^w log D, w = A N^a + E.
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
    slope_ = {floor_.by_level,          floor_.by_power, 1, data_.by_level, data_.by_power, 1,
              fall_ * exponent_.by_level, fall_ * exponent_.by_power, fall_};
    for (std::size_t i = 0; i < kSize; ++i) {
      gradient[i] = (i < kFloorSize ? floor_share_ : data_share_) * slope_[i];
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
      const double share = scale * (of_floor ? floor_share_ : data_share_);
      for (std::size_t i = j; i < (of_floor ? kFloorSize : kSize); ++i) {
        at(i, j) += share * slope_[i] * slope_[j];
      }
    }
    at(1, 0) += scale * floor_share_ * floor_.mixed;
    at(1, 1) += scale * floor_share_ * floor_.by_power_twice;
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

// s N^q = (s e^(q dx)) (N/e^dx)^q. log D cannot move: its factor is no power of N.
void shift(double* theta, double dx, double /*dy*/) {
  for (const int level : {0, 3, 6}) theta[level] *= std::exp(-theta[level + 1] * dx);
}

// A curve level N^power with this slope in log N at the middle, where log N = 0.
void bend(double slope, double u, double& level, double& power) {
  constexpr double kLeast = 0.03;  // a power of 0 is a constant
  power = (u < 0.5 ? -1 : 1) * (kLeast + std::abs(2 * u - 1) * 0.6);
  level = slope / power;
}

// The middle of the points has a floor and a data term that add up to its loss; how both and the
// exponent change with N is drawn from what grids of runs show.
void guess(double* theta, const Sample& middle, std::span<const double> u) {
  const double floor = 0.3 + 0.68 * u[0];
  const double exponent = 0.08 * std::pow(12, u[1]);
  const double exponent_slope = 0.4 * (u[2] - 0.5);
  const double data_slope = 0.8 * (u[3] - 0.5);
  bend(-0.25 * u[4] + 0.02, u[5], theta[0], theta[1]);
  theta[2] = middle.log_loss + std::log(floor) - theta[0];
  bend(exponent_slope, u[6], theta[6], theta[7]);
  theta[8] = std::log(exponent) - theta[6];
  // The prefactor must undo what the exponent does to D^-exponent far from D = 1.
  bend(data_slope + exponent * exponent_slope * middle.log_tokens, u[7], theta[3], theta[4]);
  theta[5] = middle.log_loss + std::log1p(-floor) + exponent * middle.log_tokens - theta[3];
}

CoefficientInfo plain(std::string_view name, Axis axis, double most) {
  return {name, Kind::kExponent, axis, -most, most};
}

}  // namespace

const Law& farseer_law() {
  static constexpr double kMostLevel = 1000;  // with the origin in the middle of the sizes
  static constexpr double kMostPower = 4;
  static const Law law = [] {
    Law out{"farseer",
            "L = exp(s N^q + S) + exp(B N^b + Q) D^-exp(A N^a + E)",
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
