#include <algorithm>

#include "fit/laws/laws.h"
#include "fit/laws/power_terms.h"

namespace crosslaw::fit {
namespace {

// theta = (log E, log A, alpha, log B, beta, log B', beta', gamma)
class Joint {
 public:
  static constexpr int kSize = 8;

  explicit Joint(const double* theta) : theta_(theta), floor_(std::exp(theta[0])) {}

  double log_loss(const Sample& sample, double* gradient) {
    std::fill_n(gradient + 3, 5, 0.0);  // the data term of the other strategy has no say
    continued_ = sample.stage == Stage::kContinued;
    size_.set(theta_, sample.log_params);
    if (continued_) {
      continued_data_.set(theta_, sample.log_params, sample.log_tokens);
    } else {
      scratch_data_.set(theta_, sample.log_params, sample.log_tokens);
    }
    const double data = continued_ ? continued_data_.value : scratch_data_.value;
    const double loss = floor_ + size_.value + data;
    inverse_ = 1 / loss;
    gradient[0] = floor_ * inverse_;
    size_.slope(inverse_, gradient);
    continued_ ? continued_data_.slope(inverse_, gradient)
               : scratch_data_.slope(inverse_, gradient);
    return std::log(loss);
  }

  void add_curvature(double scale, double* square) const {
    const double per_loss = scale * inverse_;
    square[0] += per_loss * floor_;
    size_.add_curvature(per_loss, square);
    continued_ ? continued_data_.add_curvature(per_loss, square)
               : scratch_data_.add_curvature(per_loss, square);
  }

 private:
  const double* theta_;
  double floor_;
  double inverse_ = 0;
  bool continued_ = false;
  SizeTerm<kSize, 1> size_;
  DataTerm<kSize, 3, false> scratch_data_;
  DataTerm<kSize, 5, true> continued_data_;
};

void shift(double* theta, double dx, double dy) {
  theta[1] += theta[2] * dx;
  theta[3] += theta[4] * dy;
  theta[5] += theta[6] * dy + theta[7] * dx;
}

void balance(double* theta, double reducible, double share) {
  balance_two_terms(theta, reducible, share);
  theta[5] = theta[3];
}

// A point has only one of the two data terms; the other is far below what a double resolves.
// exp(-700) is 1e-304, still a normal number: a product with it is no NaN.
void log_terms(const double* theta, const Sample& at, double* out) {
  constexpr double kAbsent = -700;
  out[0] = theta[0];
  out[1] = theta[1] - theta[2] * at.log_params;
  const bool continued = at.stage == Stage::kContinued;
  out[2] = continued ? kAbsent : theta[3] - theta[4] * at.log_tokens;
  out[3] = continued ? theta[5] - theta[6] * at.log_tokens - theta[7] * at.log_params : kAbsent;
}

}  // namespace

const Law& joint_law() {
  static const CoefficientInfo level{"B_continued", Kind::kLevel, Axis::kTokens, -150, 50};
  static const CoefficientInfo beta{
      "beta_continued", Kind::kExponent, Axis::kTokens, -1, 28, 0.04, 1.4};
  static const Law law{"joint",
                       "L = E + A/N^alpha + B/D^beta from scratch, "
                       "E + A/N^alpha + B'/(D^beta' N^gamma) continued",
                       {kFloorE, kLevelA, kAlpha, kLevelB, kBeta, level, beta, kGamma},
                       kernel_log_loss<Joint>,
                       kernel_accumulate<Joint>,
                       shift,
                       balance,
                       log_terms,
                       {},
                       {{"scratch", Stage::kScratch, &chinchilla_law(), {0, 1, 2, 3, 4}},
                        {"continued", Stage::kContinued, &extended_law(), {0, 1, 2, 5, 6, 7}}}};
  return law;
}

}  // namespace crosslaw::fit
