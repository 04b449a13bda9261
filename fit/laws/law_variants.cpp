#include "fit/laws/law_variants.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace crosslaw::fit {
namespace {

// How free coordinates make the whole ones: theta = matrix * z + offset.
struct Map {
  Eigen::MatrixXd matrix;
  Eigen::VectorXd offset;

  Theta operator()(const double* z) const {
    return matrix * Eigen::Map<const Eigen::VectorXd>(z, matrix.cols()) + offset;
  }
};

const Constraint* constraint_on(const std::vector<Constraint>& all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.coefficient == name; });
  return found == all.end() ? nullptr : &*found;
}

bool is_exponent(const CoefficientInfo& info) { return info.kind == Kind::kExponent; }

// The whole theta of free coordinates, samples centred on (dx, dy). Exponents first: how far the
// centre moves a level depends on them alone.
Theta expand(const Law& law, const std::vector<Constraint>& constraints,
             const std::vector<int>& free, const Theta& z, double dx, double dy) {
  Theta out = Theta::Zero(law.size());
  for (std::size_t k = 0; k < free.size(); ++k) out[free[k]] = z[static_cast<Eigen::Index>(k)];
  const auto set = [&](bool exponents, const Theta& moved) {
    for (int i = 0; i < law.size(); ++i) {
      const CoefficientInfo& info = law.coefficients[static_cast<std::size_t>(i)];
      const Constraint* c = constraint_on(constraints, info.name);
      if (!c || is_exponent(info) != exponents) continue;
      if (c->value) {
        out[i] = (exponents ? *c->value : std::log(*c->value)) + moved[i];
      } else {
        const int to = law.index(c->tied_to);
        out[i] = out[to] - moved[to] + moved[i];
      }
    }
  };
  set(true, Theta::Zero(law.size()));
  // What centring adds to each coordinate: the shift of levels that are 0.
  Theta moved = out;
  for (int i = 0; i < law.size(); ++i) {
    if (!is_exponent(law.coefficients[static_cast<std::size_t>(i)])) moved[i] = 0;
  }
  const Theta before = moved;
  law.shift(moved.data(), -dx, -dy);
  set(false, moved - before);
  return out;
}

// expand() is linear but for its constants: unit vectors tell its matrix.
Map map_at(const Law& law, const std::vector<Constraint>& constraints, const std::vector<int>& free,
           double dx, double dy) {
  const auto count = static_cast<Eigen::Index>(free.size());
  Map out{Eigen::MatrixXd(law.size(), count), Eigen::VectorXd(law.size())};
  const Theta origin = Theta::Zero(count);
  out.offset = expand(law, constraints, free, origin, dx, dy);
  for (Eigen::Index k = 0; k < count; ++k) {
    Theta unit = origin;
    unit[k] = 1;
    out.matrix.col(k) = expand(law, constraints, free, unit, dx, dy) - out.offset;
  }
  return out;
}

// The derivatives of the whole law, by the free coordinates.
void restrict_sums(const Sums& whole, const Eigen::MatrixXd& matrix, Sums& out) {
  out.objective = whole.objective;
  out.pull = whole.pull;
  out.gradient = matrix.transpose() * whole.gradient;
  out.newton = matrix.transpose() * whole.newton * matrix;
  out.majorizer = matrix.transpose() * whole.majorizer * matrix;
  // Of the squares that `scale` is made of only the diagonal is known; as a size it will do.
  out.scale = matrix.cwiseAbs2().transpose() * whole.scale;
}

// The functions of a law by its free coordinates alone. Each holds a copy of this, as a law
// outlives what made it.
struct Restricted {
  const Law* whole;
  std::shared_ptr<const Map> centred;
  std::vector<int> free;

  void put_back(const Theta& theta, double* z) const {
    for (std::size_t k = 0; k < free.size(); ++k) z[k] = theta[free[k]];
  }

  auto log_loss() const {
    return [own = *this](const double* z, const Sample& at, double* gradient) {
      const Theta theta = (*own.centred)(z);
      if (gradient == nullptr) return own.whole->log_loss(theta.data(), at, nullptr);
      Theta slope(theta.size());
      const double loss = own.whole->log_loss(theta.data(), at, slope.data());
      const Eigen::MatrixXd& matrix = own.centred->matrix;
      Eigen::Map<Eigen::VectorXd>(gradient, matrix.cols()) = matrix.transpose() * slope;
      return loss;
    };
  }

  auto accumulate() const {
    return
        [own = *this](const Theta& z, std::span<const Sample> samples, double delta, Sums& sums) {
          Sums all;
          own.whole->accumulate((*own.centred)(z.data()), samples, delta, all);
          restrict_sums(all, own.centred->matrix, sums);
        };
  }

  // Only free levels move, by exponents that are right wherever the origin is.
  auto shift() const {
    return [own = *this](double* z, double dx, double dy) {
      Theta theta = (*own.centred)(z);
      own.whole->shift(theta.data(), dx, dy);
      own.put_back(theta, z);
    };
  }

  // Numbers are drawn for the free coefficients; the held ones are where they are held.
  auto guess() const {
    return [own = *this](double* z, const Sample& middle, std::span<const double> u) {
      std::vector<double> all(own.whole->coefficients.size(), 0.5);
      for (std::size_t k = 0; k < own.free.size(); ++k) {
        all[static_cast<std::size_t>(own.free[k])] = u[k];
      }
      Theta theta = (*own.centred)(z);
      own.whole->guess(theta.data(), middle, all);
      own.put_back(theta, z);
    };
  }

  auto balance(double held_floor) const {
    return [own = *this, held_floor](double* z, double reducible, double share) {
      constexpr double kLeastReducible = 0.02;  // of it: a floor that is held above the losses
      Theta theta = (*own.centred)(z);
      const double above = std::max(reducible - held_floor, kLeastReducible * reducible);
      own.whole->balance(theta.data(), above, share);
      own.put_back(theta, z);
    };
  }

  auto log_terms() const {
    return [own = *this](const double* z, const Sample& at, double* terms) {
      own.whole->log_terms((*own.centred)(z).data(), at, terms);
    };
  }
};

}  // namespace

std::string describe(const Constraint& constraint) {
  return constraint.value ? fmt::format("{} = {}", constraint.coefficient, *constraint.value)
                          : fmt::format("{} = {}", constraint.coefficient, constraint.tied_to);
}

std::vector<std::string> problems(const Law& law, const std::vector<Constraint>& constraints) {
  std::vector<std::string> out;
  const auto complain = [&](const Constraint& c, const std::string& what) {
    out.push_back(fmt::format("{}: {}", describe(c), what));
  };
  const auto info = [&](const std::string& name) -> const CoefficientInfo& {
    return law.coefficients[static_cast<std::size_t>(law.index(name))];
  };
  if (!law.constrainable && !constraints.empty()) {
    out.push_back(
        fmt::format("law {}: its coefficients cannot be held or tied ({})", law.name, law.formula));
    return out;
  }
  for (const Constraint& c : constraints) {
    bool known = true;
    for (const std::string& name : {c.coefficient, c.value ? std::string() : c.tied_to}) {
      if (law.has(name) || (c.value && name.empty())) continue;
      complain(c, fmt::format("law {} has no coefficient '{}' ({})", law.name, name, law.formula));
      known = false;
    }
    if (!known) continue;
    if (constraint_on(constraints, c.coefficient) != &c) complain(c, "it is constrained twice");
    if (c.value) {
      if (!std::isfinite(*c.value) || (!is_exponent(info(c.coefficient)) && !(*c.value > 0)))
        complain(c, is_exponent(info(c.coefficient)) ? "it must be finite" : "it must be above 0");
      continue;
    }
    if (is_exponent(info(c.coefficient)) != is_exponent(info(c.tied_to)))
      complain(c, "an exponent and a level cannot be equal");
    if (c.coefficient == c.tied_to) complain(c, "this says nothing");
    if (constraint_on(constraints, c.tied_to) && c.coefficient != c.tied_to)
      complain(c, fmt::format("{} is constrained itself; name what both are equal to", c.tied_to));
  }
  if (out.empty() && static_cast<int>(constraints.size()) >= law.size())
    out.push_back(fmt::format("law {}: no coefficient is left to be fitted", law.name));
  return out;
}

ConstrainedLaw constrained(const Law& law, const std::vector<Constraint>& constraints,
                           double mean_log_params, double mean_log_tokens) {
  ConstrainedLaw out;
  Law& own = out.law;
  own.name = law.name;
  own.formula = law.formula;
  own.over_weight = law.over_weight;
  own.moves_tokens = law.moves_tokens;
  bool levels_free = true;
  double held_floor = 0;
  for (int i = 0; i < law.size(); ++i) {
    const CoefficientInfo& info = law.coefficients[static_cast<std::size_t>(i)];
    const Constraint* c = constraint_on(constraints, info.name);
    if (!c) {
      out.free.push_back(i);
      own.coefficients.push_back(info);
      continue;
    }
    levels_free = levels_free && is_exponent(info);
    if (info.kind == Kind::kFloor && c->value) held_floor = *c->value;
  }
  const auto map = std::make_shared<const Map>(
      map_at(law, constraints, out.free, mean_log_params, mean_log_tokens));
  const Map plain = map_at(law, constraints, out.free, 0, 0);
  out.plain = plain.matrix;
  out.plain_offset = plain.offset;
  const Restricted restricted{&law, map, out.free};
  own.log_loss = restricted.log_loss();
  own.accumulate = restricted.accumulate();
  own.shift = restricted.shift();
  if (law.guess) {
    own.guess = restricted.guess();
    return out;
  }
  own.balance = restricted.balance(held_floor);
  if (law.log_terms && levels_free) own.log_terms = restricted.log_terms();
  return out;
}

Law overestimates_weighted(const Law& law, double over_weight) {
  Law out = law;
  out.over_weight = over_weight;
  const Law* base = &law;
  out.accumulate = [base, over_weight](const Theta& theta, std::span<const Sample> samples,
                                       double delta, Sums& sums) {
    // The weights depend on the signs of residuals alone: between two changes of sign the objective
    // is that of a weighted fit, with its derivatives.
    std::vector<Sample> weighted(samples.begin(), samples.end());
    for (Sample& each : weighted) {
      if (base->log_loss(theta.data(), each, nullptr) > each.log_loss) each.weight *= over_weight;
    }
    base->accumulate(theta, weighted, delta, sums);
  };
  return out;
}

}  // namespace crosslaw::fit
