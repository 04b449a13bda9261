#include "fit/solve/objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/laws/straight_law.h"

namespace crosslaw::fit {
namespace {

constexpr double kFloorIsZero = 1e-6;  // E below this share of the smallest loss counts as E = 0
constexpr double kOnBound = 1e-9;      // a coordinate closer to its bound stands there

}  // namespace

double huber(double residual, double delta) {
  const double size = std::abs(residual);
  return size <= delta ? 0.5 * residual * residual : delta * (size - 0.5 * delta);
}

int SearchBox::free_count(int size) const {
  return static_cast<int>(std::count(free.begin(), free.begin() + size, true));
}

std::optional<SearchBox> straight_box(const Law& law, const SearchBox& box) {
  const StraightLaw* straight = straight_of(law);
  if (straight == nullptr || box.free_count(law.size()) < law.size()) return std::nullopt;
  SearchBox out = box;
  // Levels of E keep their bounds, which are relative to the losses.
  for (int i = 0; i < law.size(); ++i) {
    const CoefficientInfo& info = straight->law->coefficients[static_cast<std::size_t>(i)];
    if (info.kind == Kind::kFloor) continue;
    out.lower[i] = info.lower;
    out.upper[i] = info.upper;
  }
  return out;
}

Theta Objective::centred(const Theta& plain) const {
  Theta theta = plain;
  law->shift(theta.data(), -mean_log_params, -mean_log_tokens);
  return theta;
}

Theta Objective::plain(const Theta& centred) const {
  Theta theta = centred;
  law->shift(theta.data(), mean_log_params, mean_log_tokens);
  return theta;
}

Objective make_objective(const Law& law, const Points& points, double delta) {
  Objective objective;
  objective.law = &law;
  objective.delta = delta;
  objective.samples.reserve(points.size());
  objective.min_log_loss = std::numeric_limits<double>::infinity();
  double weight = 0;
  for (const Point& p : points) {
    const Sample sample = sample_of(p);
    objective.samples.push_back(sample);
    objective.mean_log_params += p.weight * sample.log_params;
    objective.mean_log_tokens += p.weight * sample.log_tokens;
    objective.min_log_loss = std::min(objective.min_log_loss, sample.log_loss);
    weight += p.weight;
  }
  objective.mean_log_params /= weight;
  objective.mean_log_tokens = law.moves_tokens ? objective.mean_log_tokens / weight : 0;
  for (Sample& sample : objective.samples) {
    sample.log_params -= objective.mean_log_params;
    sample.log_tokens -= objective.mean_log_tokens;
  }
  objective.box.lower.resize(law.size());
  objective.box.upper.resize(law.size());
  for (int i = 0; i < law.size(); ++i) {
    const CoefficientInfo& info = law.coefficients[static_cast<std::size_t>(i)];
    const double origin = info.kind == Kind::kFloor ? objective.min_log_loss : 0;
    objective.box.lower[i] = origin + info.lower;
    objective.box.upper[i] = origin + info.upper;
    objective.box.free[static_cast<std::size_t>(i)] = true;
  }
  return objective;
}

void freeze(Objective& objective, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    objective.box.free[static_cast<std::size_t>(objective.law->index(name))] = false;
  }
}

Standing standing(const Objective& objective, const Theta& centred, int i) {
  const auto at = static_cast<std::size_t>(i);
  if (!objective.box.free[at]) return Standing::kInside;
  const bool floor = objective.law->coefficients[at].kind == Kind::kFloor;
  if (floor && centred[i] < objective.min_log_loss + std::log(kFloorIsZero)) {
    return Standing::kNoFloor;
  }
  const bool bound = centred[i] <= objective.box.lower[i] + kOnBound ||
                     centred[i] >= objective.box.upper[i] - kOnBound;
  return bound ? Standing::kAtBound : Standing::kInside;
}

Sums evaluate(const Objective& objective, const Theta& theta) {
  Sums sums;
  objective.law->accumulate(theta, objective.samples, objective.delta, sums);
  return sums;
}

Eigen::MatrixXd jacobian(const Objective& objective, const Theta& theta) {
  const auto rows = static_cast<Eigen::Index>(objective.samples.size());
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> out(rows, theta.size());
  for (Eigen::Index i = 0; i < rows; ++i) {
    objective.law->log_loss(theta.data(), objective.samples[static_cast<std::size_t>(i)],
                            out.row(i).data());
  }
  return out;
}

Eigen::VectorXd residuals(const Objective& objective, const Theta& theta) {
  const auto rows = static_cast<Eigen::Index>(objective.samples.size());
  Eigen::VectorXd out(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const Sample& sample = objective.samples[static_cast<std::size_t>(i)];
    out[i] = objective.law->log_loss(theta.data(), sample, nullptr) - sample.log_loss;
  }
  return out;
}

}  // namespace crosslaw::fit
