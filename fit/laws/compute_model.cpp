#include "fit/laws/compute_model.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

namespace crosslaw::fit {

double ComputeModel::log_flops_per_token(double log_params) const {
  return std::log(constant) + exponent * log_params;
}

double ComputeModel::flops_per_token(double params) const {
  return constant * std::pow(params, exponent);
}

double ComputeModel::tokens(double flops, double params) const {
  return flops / flops_per_token(params);
}

double ComputeModel::log_params(double log_flops_per_token) const {
  return (log_flops_per_token - std::log(constant)) / exponent;
}

std::optional<ComputeModel> fit_compute(const Points& points) {
  // log(C/D) rather than log C: D has exponent 1 by what it counts, only N's is to be found.
  constexpr double kLeastSpread = 1e-6;  // of log N, squared and averaged
  std::vector<double> x, y;
  double mean_x = 0, mean_y = 0;
  for (const Point& point : points) {
    if (!(point.flops > 0)) continue;
    x.push_back(std::log(point.params));
    y.push_back(std::log(point.flops / point.tokens));
    mean_x += x.back();
    mean_y += y.back();
  }
  if (x.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(x.size());
  mean_x /= count;
  mean_y /= count;
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  // One size says nothing of phi; phi <= 0 would let the size grow for free.
  if (xx < kLeastSpread * count || !(xy > 0)) return std::nullopt;
  ComputeModel out;
  out.exponent = xy / xx;
  out.constant = std::exp(mean_y - out.exponent * mean_x);
  out.rms = std::sqrt(std::max(0.0, yy - out.exponent * xy) / count);
  out.measured = true;
  return out;
}

std::string describe(const ComputeModel& compute) {
  if (!compute.measured && compute.constant == 6 && compute.exponent == 1) return "C = 6 N D";
  return fmt::format(
      "C = {:.4g} N^{:.4g} D{}", compute.constant, compute.exponent,
      compute.measured ? fmt::format(" (fitted to counted FLOPs, {:.2g} % rms)", 100 * compute.rms)
                       : "");
}

}  // namespace crosslaw::fit
