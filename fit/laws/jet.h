#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>

#include "fit/laws/law.h"

// Laws whose derivatives nobody wants to write by hand: they give their formula once, as a template
// over the number type, and jets carry exact first and second derivatives through it.
namespace crosslaw::fit {

// A value with its gradient and, where kCurved, its Hessian by kSize coordinates.
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

  Matrix hessian() const { return bent_ ? hessian_ : Matrix::Zero(); }

  // Adds to the Hessian that of another, and scale * a b^T.
  void bend(double scale, const Jet& by) {
    if (kCurved && by.bent_) put(scale * by.hessian_);
  }
  void bend(double scale, const Vector& a, const Vector& b) {
    if constexpr (kCurved) put(scale * a * b.transpose());
  }

  // f(*this) from f, f' and f'' there: the chain rule, from which all of the operators below come.
  Jet through(double f, double slope, double curvature) const {
    Jet out(f);
    out.gradient = slope * gradient;
    out.bend(slope, *this);
    if (curvature != 0) out.bend(curvature, gradient, gradient);
    return out;
  }

 private:
  template <class Expression>
  void put(const Expression& more) {
    if (bent_) {
      hessian_.noalias() += more;
    } else {
      hessian_.noalias() = more;
    }
    bent_ = true;
  }

  // Most of what a law computes is linear in its coefficients: their Hessians are 0, and the work
  // on them is what jets cost. It is not set before it is something.
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
  return a.through(a.value + b, 1, 0);
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator-(const Jet<kSize, kCurved>& a, const Jet<kSize, kCurved>& b) {
  return a + b * -1.0;
}

template <int kSize, bool kCurved>
Jet<kSize, kCurved> operator*(const Jet<kSize, kCurved>& a, const Jet<kSize, kCurved>& b) {
  Jet<kSize, kCurved> out(a.value * b.value);
  out.gradient = a.value * b.gradient + b.value * a.gradient;
  out.bend(a.value, b), out.bend(b.value, a);
  out.bend(1, a.gradient, b.gradient), out.bend(1, b.gradient, a.gradient);
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
  out.bend(share * (1 - share), apart, apart);
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

  explicit FormulaKernel(const double* theta) {
    for (int i = 0; i < kSize; ++i) {
      theta_[static_cast<std::size_t>(i)] = Jet<kSize, true>::coordinate(theta[i], i);
    }
  }

  double log_loss(const Sample& sample, double* gradient) {
    log_loss_ = Formula::log_loss(theta_, sample);
    std::copy_n(log_loss_.gradient.data(), kSize, gradient);
    return log_loss_.value;
  }

  // d2 L / L = d2 log L + d log L (d log L)^T.
  void add_curvature(double scale, double* square) const {
    Eigen::Map<typename Jet<kSize, true>::Matrix>(square, kSize, kSize) +=
        scale * (log_loss_.hessian() + log_loss_.gradient * log_loss_.gradient.transpose());
  }

 private:
  std::array<Jet<kSize, true>, static_cast<std::size_t>(kSize)> theta_;
  Jet<kSize, true> log_loss_;
};

// log L and, where gradient is not null, its gradient, for which no Hessian is carried: Ceres asks
// for no more, and the Hessian is most of the work.
template <class Formula>
double formula_log_loss(const double* theta, const Sample& sample, double* gradient) {
  constexpr int kSize = Formula::kSize;
  if (gradient == nullptr) {
    std::array<double, static_cast<std::size_t>(kSize)> plain;
    std::copy_n(theta, kSize, plain.begin());
    return Formula::log_loss(plain, sample);
  }
  std::array<Jet<kSize, false>, static_cast<std::size_t>(kSize)> jets;
  for (int i = 0; i < kSize; ++i) {
    jets[static_cast<std::size_t>(i)] = Jet<kSize, false>::coordinate(theta[i], i);
  }
  const Jet<kSize, false> out = Formula::log_loss(jets, sample);
  std::copy_n(out.gradient.data(), kSize, gradient);
  return out.value;
}

// A law that is a sum of powers says only the logs of its terms:
//   static constexpr int kSize;
//   template <class Number>
//   static std::array<Number, k> log_terms(const std::array<Number, kSize>&, const Sample&);
// This is the formula that it makes of them; in halves, so that small terms meet before they are
// added to a large one.
template <class Terms>
struct SumOfTerms {
  static constexpr int kSize = Terms::kSize;

  template <class Number>
  static Number log_loss(const std::array<Number, kSize>& theta, const Sample& at) {
    const auto terms = Terms::log_terms(theta, at);
    return sum<0, std::tuple_size_v<decltype(terms)>>(terms);
  }

 private:
  template <std::size_t kFrom, std::size_t kTo, class Array>
  static auto sum(const Array& terms) {
    constexpr std::size_t kMiddle = (kFrom + kTo) / 2;
    if constexpr (kTo - kFrom == 1) {
      return terms[kFrom];
    } else {
      return log_sum_exp(sum<kFrom, kMiddle>(terms), sum<kMiddle, kTo>(terms));
    }
  }
};

// Law::log_terms of such a law.
template <class Terms>
void formula_log_terms(const double* theta, const Sample& at, double* out) {
  std::array<double, Terms::kSize> plain;
  std::copy_n(theta, Terms::kSize, plain.begin());
  const auto terms = Terms::log_terms(plain, at);
  std::copy(terms.begin(), terms.end(), out);
}

}  // namespace crosslaw::fit
