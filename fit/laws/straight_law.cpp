#include "fit/laws/straight_law.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fit/laws/kernel.h"
#include "fit/laws/laws.h"

namespace crosslaw::fit {
namespace {

// E + A/N^alpha + B/(D^beta N^gamma) by theta = (log L0, p, alpha, q, beta[, gamma]): the loss at
// the origin, the logs of the slopes there of -log L by log N and log D, p = log(alpha A / L0) and
// q = log(beta B / L0), and what bends the curve. L / L0 = 1 + e^p f(alpha, x) + e^q f(beta, y),
// f(alpha, x) = (e^(-alpha x) - 1) / alpha = -x + alpha x^2/2 - ... Points tell loss and slopes
// well and alpha and beta badly; those drag E, A and B along, which are what is left over here. E
// may fall below 0.
template <bool kCross>
class StraightPowerSum {
 public:
  static constexpr int kSize = kCross ? 6 : 5;

  explicit StraightPowerSum(const double* theta)
      : theta_(theta), size_slope_(std::exp(theta[1])), data_slope_(std::exp(theta[3])) {}

  double log_loss(const Sample& at, double* gradient) {
    const double alpha = theta_[2], beta = theta_[4], x = at.log_params, y = at.log_tokens;
    const double gamma = kCross ? theta_[kSize - 1] : 0;
    const double size = std::expm1(-alpha * x), data = std::expm1(-beta * y - gamma * x);
    const double by_size = size / alpha, by_data = data / beta;
    const double by_alpha = (-x * (1 + size) - by_size) / alpha;
    const double by_beta = (-y * (1 + data) - by_data) / beta;
    const double relative = 1 + size_slope_ * by_size + data_slope_ * by_data;
    const double p = size_slope_ / relative, q = data_slope_ / relative;
    gradient[0] = 1;
    gradient[1] = p * by_size;
    gradient[2] = p * by_alpha;
    gradient[3] = q * by_data;
    gradient[4] = q * by_beta;
    bent_alpha_ = p * (x * x * (1 + size) - 2 * by_alpha) / alpha;
    bent_beta_ = q * (y * y * (1 + data) - 2 * by_beta) / beta;
    if constexpr (kCross) {
      const double by_gamma = -x * (1 + data) / beta;
      gradient[5] = q * by_gamma;
      bent_cross_ = q * (x * y * (1 + data) - by_gamma) / beta;
      bent_gamma_ = q * x * x * (1 + data) / beta;
    }
    std::copy(gradient, gradient + kSize, slope_.begin());
    return theta_[0] + std::log(relative);
  }

  void add_curvature(double scale, double* square) const {
    const auto add = [&](int row, int column, double value) {
      square[column * kSize + row] += scale * value;
    };
    for (int i = 0; i < kSize; ++i) add(i, 0, slope_[static_cast<std::size_t>(i)]);
    add(1, 1, slope_[1]);
    add(2, 1, slope_[2]);
    add(2, 2, bent_alpha_);
    add(3, 3, slope_[3]);
    add(4, 3, slope_[4]);
    add(4, 4, bent_beta_);
    if constexpr (kCross) {
      add(5, 3, slope_[5]);
      add(5, 4, bent_cross_);
      add(5, 5, bent_gamma_);
    }
  }

 private:
  const double* theta_;
  double size_slope_, data_slope_;
  double bent_alpha_ = 0, bent_beta_ = 0, bent_cross_ = 0, bent_gamma_ = 0;
  std::array<double, kSize> slope_{};
};

bool straighten(double* theta) {
  if (!(theta[2] >= kLeastExponent) || !(theta[4] >= kLeastExponent)) return false;
  const double most = std::max({theta[0], theta[1], theta[3]});
  const double whole = most + std::log(std::exp(theta[0] - most) + std::exp(theta[1] - most) +
                                       std::exp(theta[3] - most));
  theta[0] = whole;
  theta[1] += std::log(theta[2]) - whole;
  theta[3] += std::log(theta[4]) - whole;
  return true;
}

void bend(double* theta) {
  lift_floor(theta);
  const double size = theta[1] - std::log(theta[2]), data = theta[3] - std::log(theta[4]);
  const double rest = 1 - std::exp(size) - std::exp(data);
  theta[1] = theta[0] + size;
  theta[3] = theta[0] + data;
  theta[0] += rest > 0 ? std::max(std::log(rest), kNoFloor) : kNoFloor;
}

// q where E = 0, that is e^p / alpha + e^q / beta = 1, with its derivatives by p, alpha and beta.
struct Following {
  static constexpr int kP = 1, kA = 2, kQ = StraightLaw::kFollowing, kB = 4;

  double q;
  double by_p, by_a, by_b;
  double by_pp, by_pa, by_aa, by_bb;

  explicit Following(const Theta& theta) {
    const double a = theta[kA], b = theta[kB], size = std::exp(theta[kP]) / a, data = 1 - size;
    const double odds = size / data, bent = odds / data;
    q = std::log(b) + std::log(data);  // not finite where the size term alone is more than the loss
    by_p = -odds;
    by_a = odds / a;
    by_b = 1 / b;
    by_pp = -bent;
    by_pa = bent / a;
    by_aa = -(bent + odds) / (a * a);
    by_bb = -1 / (b * b);
  }

  // Derivatives by all coordinates into those by the ones that are left.
  void apply(Sums& sums) const {
    const Eigen::Index size = sums.gradient.size();
    Square chain = Square::Identity(size, size);
    chain(kQ, kQ) = 0;
    chain(kQ, kP) = by_p;
    chain(kQ, kA) = by_a;
    chain(kQ, kB) = by_b;
    Square own = Square::Zero(size, size);
    own(kP, kP) = by_pp;
    own(kP, kA) = own(kA, kP) = by_pa;
    own(kA, kA) = by_aa;
    own(kB, kB) = by_bb;
    own *= sums.gradient[kQ];
    sums.newton = Square(chain.transpose() * sums.newton * chain + own);
    sums.majorizer = Square(chain.transpose() * sums.majorizer * chain + own);
    sums.gradient = Theta(chain.transpose() * sums.gradient);
    sums.scale = Theta(chain.cwiseAbs2().transpose() * sums.scale);
  }
};

Law without_floor(const Law& straight) {
  Law out = straight;
  out.log_loss = [&straight](const double* z, const Sample& at, double* gradient) {
    Theta theta = Eigen::Map<const Eigen::VectorXd>(z, straight.size());
    follow(theta);
    return straight.log_loss(theta.data(), at, gradient);
  };
  out.accumulate = [&straight](const Theta& z, std::span<const Sample> samples, double delta,
                               Sums& sums) {
    const Following following(z);
    Theta theta = z;
    theta[Following::kQ] = following.q;
    straight.accumulate(theta, samples, delta, sums);
    following.apply(sums);
  };
  return out;
}

template <bool kCross>
StraightLaw straight_power_sum() {
  using Kernel = StraightPowerSum<kCross>;
  static const Law law = [] {
    Law out{"straight",
            kCross ? "L/L0 = 1 + e^p f(alpha, N) + e^q f(beta, D^beta N^gamma)"
                   : "L/L0 = 1 + e^p f(alpha, N) + e^q f(beta, D)",
            {{"L0", Kind::kLevel, Axis::kNone, -1000, 1000},
             {"p", Kind::kExponent, Axis::kParams, -150, 50},
             {"alpha", Kind::kExponent, Axis::kParams, kLeastExponent, 28},
             {"q", Kind::kExponent, Axis::kTokens, -150, 50},
             {"beta", Kind::kExponent, Axis::kTokens, kLeastExponent, 28}},
            kernel_log_loss<Kernel>,
            kernel_accumulate<Kernel>,
            nullptr};
    if (kCross) out.coefficients.push_back({"gamma", Kind::kExponent, Axis::kParams, -10, 10});
    return out;
  }();
  static const Law on_floor = without_floor(law);
  return {&law, straighten, bend, &on_floor};
}

}  // namespace

void lift_floor(double* theta) {
  const double terms = std::exp(theta[1]) / theta[2] + std::exp(theta[3]) / theta[4];
  if (!(terms > 1)) return;
  theta[2] *= terms;
  theta[4] *= terms;
}

void follow(Theta& theta) { theta[Following::kQ] = Following(theta).q; }

const StraightLaw* straight_of(const Law& law) {
  static const StraightLaw chinchilla = straight_power_sum<false>();
  static const StraightLaw extended = straight_power_sum<true>();
  if (&law == &chinchilla_law()) return &chinchilla;
  if (&law == &extended_law()) return &extended;
  static const Law outer_on_floor = without_floor(*straight_outer().law);
  static const StraightLaw outer{straight_outer().law, straight_outer().straighten,
                                 straight_outer().bend, &outer_on_floor};
  return &law == &outer_law() ? &outer : nullptr;
}

}  // namespace crosslaw::fit
