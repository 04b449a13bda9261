#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "fit/laws/law.h"

// Laws whose derivatives nobody wants to write by hand: they give their formula once, as a template
// over the number type, and jets carry exact first and second derivatives through it.
namespace crosslaw::fit {

// A value with its gradient and, where kCurved, its Hessian by kSize coordinates, of which only the
// lower triangle counts.
template <int kSize, bool kCurved>
class Jet {
 public:
  using Vector = Eigen::Matrix<double, kSize, 1>;
  static constexpr int kSide = kCurved ? kSize : 0;
  using Matrix = Eigen::Matrix<double, kSide, kSide>;

  double value = 0;
  Vector gradient = Vector::Zero();

  Jet() = default;
  explicit Jet(double constant) : value(constant) {}
  Jet(const Jet& other) { *this = other; }
  Jet& operator=(const Jet& other) {
    value = other.value, gradient = other.gradient, bent_ = other.bent_;
    if (bent_) hessian_ = other.hessian_;
    return *this;
  }
  static Jet coordinate(double x, int index) {
    Jet out(x);
    out.gradient[index] = 1;
    return out;
  }

  // Adds to the Hessian that of another, and scale * (a b^T + b a^T).
  void bend(double scale, const Jet& by) {
    if (!kCurved || !by.bent_) return;
    straighten();
    hessian_ += scale * by.hessian_;
  }
  void bend(double scale, const Vector& a, const Vector& b) {
    if constexpr (kCurved) {
      straighten();
      hessian_.template selfadjointView<Eigen::Lower>().rankUpdate(a, b, scale);
    }
  }

  // Adds scale * (Hessian + gradient gradient^T) to the lower triangle of a square, column-major.
  void add_curvature(double scale, double* square) const {
    Eigen::Map<Matrix> sum(square);
    sum.template selfadjointView<Eigen::Lower>().rankUpdate(gradient, scale);
    if (bent_) sum += scale * hessian_;
  }

  // f(*this) from f, f' and f'' there: the chain rule, from which all of the operators below come.
  Jet through(double f, double slope, double curvature) const {
    Jet out(f);
    out.gradient = slope * gradient;
    out.bend(slope, *this);
    if (curvature != 0) out.bend(0.5 * curvature, gradient, gradient);
    return out;
  }

 private:
  // Most of what a law computes is linear in its coefficients: their Hessians are 0, and the work
  // on them is what jets cost. It is not set before it is something.
  void straighten() {
    if (!bent_) hessian_.setZero();
    bent_ = true;
  }

  bool bent_ = false;
  Matrix hessian_;
};

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator+(const Jet<kSize, kCurved>& a, const Jet<kSize, kCurved>& b) {
  Jet<kSize, kCurved> out(a);
  out.value += b.value;
  out.gradient += b.gradient;
  out.bend(1, b);
  return out;
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator*(const Jet<kSize, kCurved>& a, double b) {
  return a.through(a.value * b, b, 0);
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator+(const Jet<kSize, kCurved>& a, double b) {
  Jet<kSize, kCurved> out(a);
  out.value += b;
  return out;
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator-(const Jet<kSize, kCurved>& a, const Jet<kSize, kCurved>& b) {
  Jet<kSize, kCurved> out(a);
  out.value -= b.value;
  out.gradient -= b.gradient;
  out.bend(-1, b);
  return out;
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator*(const Jet<kSize, kCurved>& a, const Jet<kSize, kCurved>& b) {
  Jet<kSize, kCurved> out(a.value * b.value);
  out.gradient = a.value * b.gradient + b.value * a.gradient;
  out.bend(a.value, b), out.bend(b.value, a);
  out.bend(1, a.gradient, b.gradient);
  return out;
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> exp(const Jet<kSize, kCurved>& a) {
  const double e = std::exp(a.value);
  return a.through(e, e, e);
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> log(const Jet<kSize, kCurved>& a) {
  return a.through(std::log(a.value), 1 / a.value, -1 / (a.value * a.value));
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> inverse(const Jet<kSize, kCurved>& a) {
  const double i = 1 / a.value;
  return a.through(i, -i * i, 2 * i * i * i);
}

inline double inverse(double a) { return 1 / a; }

inline double value_of(double a) { return a; }
template <int kSize, bool kCurved>
double value_of(const Jet<kSize, kCurved>& a) {
  return a.value;
}

// log(e^a + e^b) without overflow.
inline double log_sum_exp(double a, double b) {
  const double high = std::max(a, b);
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> log_sum_exp(const Jet<kSize, kCurved>& a, const Jet<kSize, kCurved>& b) {
  Jet<kSize, kCurved> out(log_sum_exp(a.value, b.value));
  const double share = std::exp(a.value - out.value);  // of a; the rest is b's
  const typename Jet<kSize, kCurved>::Vector apart = a.gradient - b.gradient;
  out.gradient = share * a.gradient + (1 - share) * b.gradient;
  // The shares change with the distance of the terms: share (1 - share) is largest where they meet.
  out.bend(share, a), out.bend(1 - share, b);
  out.bend(0.5 * share * (1 - share), apart, apart);
  return out;
}

template <int kSize, bool kCurved>
std::array<Jet<kSize, kCurved>, static_cast<std::size_t>(kSize)> jets_at(const double* theta) {
  std::array<Jet<kSize, kCurved>, static_cast<std::size_t>(kSize)> out;
  for (int i = 0; i < kSize; ++i) {
    out[static_cast<std::size_t>(i)] = Jet<kSize, kCurved>::coordinate(theta[i], i);
  }
  return out;
}

template <int kSize>
std::array<double, static_cast<std::size_t>(kSize)> numbers_at(const double* theta) {
  std::array<double, static_cast<std::size_t>(kSize)> out;
  std::copy_n(theta, kSize, out.begin());
  return out;
}

// The kernel (laws/kernel.h) of a formula:
//   static constexpr int kSize;
//   template <class Number> static Number log_loss(const std::array<Number, kSize>&, const
//   Sample&);
template <class Formula>
class FormulaKernel {
 public:
  static constexpr int kSize = Formula::kSize;

  explicit FormulaKernel(const double* theta) : theta_(jets_at<kSize, true>(theta)) {}

  double log_loss(const Sample& sample, double* gradient) {
    log_loss_ = Formula::log_loss(theta_, sample);
    std::copy_n(log_loss_.gradient.data(), kSize, gradient);
    return log_loss_.value;
  }

  // d2 L / L = d2 log L + d log L (d log L)^T.
  void add_curvature(double scale, double* square) const { log_loss_.add_curvature(scale, square); }

 private:
  std::array<Jet<kSize, true>, static_cast<std::size_t>(kSize)> theta_;
  Jet<kSize, true> log_loss_;
};

// log L and, where gradient is not null, its gradient, for which no Hessian is carried: Ceres asks
// for no more, and the Hessian is most of the work.
template <class Formula>
double formula_log_loss(const double* theta, const Sample& sample, double* gradient) {
  constexpr int kSize = Formula::kSize;
  if (gradient == nullptr) return Formula::log_loss(numbers_at<kSize>(theta), sample);
  const Jet<kSize, false> out = Formula::log_loss(jets_at<kSize, false>(theta), sample);
  std::copy_n(out.gradient.data(), kSize, gradient);
  return out.value;
}

// A law that is a sum of powers says only the logs of its terms:
//   static constexpr int kSize;
//   template <class Number>
//   static std::array<Number, k> log_terms(const std::array<Number, kSize>&, const Sample&);
// With p_k the share of a term t_k = log T_k in L = sum T_k: d log L = sum p_k dt_k, and
// d2 L / L = sum p_k (d2 t_k + dt_k dt_k^T), one look at each term.
template <std::size_t kTerms>
struct SharesOfTerms {
  std::array<double, kTerms> share;
  double log_sum = 0;

  // Without overflow: by the largest term, to which all the small ones are added at once.
  template <class Number>
  explicit SharesOfTerms(const std::array<Number, kTerms>& log_terms) {
    std::size_t largest = 0;
    for (std::size_t k = 1; k < kTerms; ++k) {
      if (value_of(log_terms[k]) > value_of(log_terms[largest])) largest = k;
    }
    const double high = value_of(log_terms[largest]);
    double others = 0;
    for (std::size_t k = 0; k < kTerms; ++k) {
      share[k] = k == largest ? 1 : std::exp(value_of(log_terms[k]) - high);
      if (k != largest) others += share[k];
    }
    log_sum = high + std::log1p(others);
    for (double& each : share) each /= 1 + others;
  }

  template <class Jets>
  void gradient(const Jets& log_terms, double* out) const {
    typename Jets::value_type::Vector sum = share[0] * log_terms[0].gradient;
    for (std::size_t k = 1; k < kTerms; ++k) sum += share[k] * log_terms[k].gradient;
    std::copy_n(sum.data(), sum.size(), out);
  }
};

// The kernel of such a law.
template <class Terms>
class TermsKernel {
 public:
  static constexpr int kSize = Terms::kSize;

  explicit TermsKernel(const double* theta) : theta_(jets_at<kSize, true>(theta)) {}

  double log_loss(const Sample& sample, double* gradient) {
    log_terms_ = Terms::log_terms(theta_, sample);
    shares_ = SharesOfTerms(log_terms_);
    shares_.gradient(log_terms_, gradient);
    return shares_.log_sum;
  }

  void add_curvature(double scale, double* square) const {
    for (std::size_t k = 0; k < log_terms_.size(); ++k) {
      log_terms_[k].add_curvature(scale * shares_.share[k], square);
    }
  }

 private:
  using Theta = std::array<Jet<kSize, true>, static_cast<std::size_t>(kSize)>;
  using LogTerms = decltype(Terms::log_terms(std::declval<Theta>(), std::declval<Sample>()));
  Theta theta_;
  LogTerms log_terms_;
  SharesOfTerms<std::tuple_size_v<LogTerms>> shares_{log_terms_};
};

// Law::log_loss of such a law: formula_log_loss with its terms apart.
template <class Terms>
double terms_log_loss(const double* theta, const Sample& sample, double* gradient) {
  constexpr int kSize = Terms::kSize;
  if (gradient == nullptr)
    return SharesOfTerms(Terms::log_terms(numbers_at<kSize>(theta), sample)).log_sum;
  const auto log_terms = Terms::log_terms(jets_at<kSize, false>(theta), sample);
  const SharesOfTerms shares(log_terms);
  shares.gradient(log_terms, gradient);
  return shares.log_sum;
}

// Law::log_terms of such a law.
template <class Terms>
void formula_log_terms(const double* theta, const Sample& at, double* out) {
  const auto terms = Terms::log_terms(numbers_at<Terms::kSize>(theta), at);
  std::copy(terms.begin(), terms.end(), out);
}

}  // namespace crosslaw::fit
