#include "fit/solve/objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace crosslaw::fit {

double huber(double residual, double delta) {
  const double size = std::abs(residual);
  return size <= delta ? 0.5 * residual * residual : delta * (size - 0.5 * delta);
}

int SearchBox::free_count(int size) const {
  return static_cast<int>(std::count(free.begin(), free.begin() + size, true));
}

Theta Problem::centred(const Theta& plain) const {
  Theta theta = plain;
  law->shift(theta.data(), -mean_log_params, -mean_log_tokens);
  return theta;
}

Theta Problem::plain(const Theta& centred) const {
  Theta theta = centred;
  law->shift(theta.data(), mean_log_params, mean_log_tokens);
  return theta;
}

Problem make_problem(const Law& law, const Points& points, double delta) {
  Problem problem;
  problem.law = &law;
  problem.delta = delta;
  problem.samples.reserve(points.size());
  problem.min_log_loss = std::numeric_limits<double>::infinity();
  double weight = 0;
  for (const Point& p : points) {
    const Sample sample{std::log(p.params),
                        std::log(p.tokens),
                        std::log(p.loss),
                        p.weight,
                        p.stage,
                        std::log(unique_tokens(p) / p.tokens)};
    problem.samples.push_back(sample);
    problem.mean_log_params += p.weight * sample.log_params;
    problem.mean_log_tokens += p.weight * sample.log_tokens;
    problem.min_log_loss = std::min(problem.min_log_loss, sample.log_loss);
    weight += p.weight;
  }
  problem.mean_log_params /= weight;
  problem.mean_log_tokens /= weight;
  for (Sample& sample : problem.samples) {
    sample.log_params -= problem.mean_log_params;
    sample.log_tokens -= problem.mean_log_tokens;
  }
  problem.box.lower.resize(law.size());
  problem.box.upper.resize(law.size());
  for (int i = 0; i < law.size(); ++i) {
    const CoefficientInfo& info = law.coefficients[static_cast<std::size_t>(i)];
    const double origin = info.kind == Kind::kFloor ? problem.min_log_loss : 0;
    problem.box.lower[i] = origin + info.lower;
    problem.box.upper[i] = origin + info.upper;
    problem.box.free[static_cast<std::size_t>(i)] = true;
  }
  return problem;
}

void freeze(Problem& problem, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    problem.box.free[static_cast<std::size_t>(problem.law->index(name))] = false;
  }
}

Sums evaluate(const Problem& problem, const Theta& theta) {
  Sums sums;
  problem.law->accumulate(theta, problem.samples, problem.delta, sums);
  return sums;
}

Eigen::MatrixXd jacobian(const Problem& problem, const Theta& theta) {
  const auto rows = static_cast<Eigen::Index>(problem.samples.size());
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> out(rows, theta.size());
  for (Eigen::Index i = 0; i < rows; ++i) {
    problem.law->log_loss(theta.data(), problem.samples[static_cast<std::size_t>(i)],
                          out.row(i).data());
  }
  return out;
}

Eigen::VectorXd residuals(const Problem& problem, const Theta& theta) {
  const auto rows = static_cast<Eigen::Index>(problem.samples.size());
  Eigen::VectorXd out(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const Sample& sample = problem.samples[static_cast<std::size_t>(i)];
    out[i] = problem.law->log_loss(theta.data(), sample, nullptr) - sample.log_loss;
  }
  return out;
}

}  // namespace crosslaw::fit
