#include "fit/solve/resample.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

#include "fit/solve/random.h"

namespace crosslaw::fit {
namespace {

int stage_bit(const Point& point) { return 1 << static_cast<int>(point.stage); }

}  // namespace

NoiseModel fit_noise(const Objective& objective, const Theta& theta) {
  const Eigen::VectorXd r = residuals(objective, theta);
  double squares = 0, sizes = 0, weight = 0;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const double w = objective.samples[static_cast<std::size_t>(i)].weight;
    squares += w * r[i] * r[i];
    sizes += w * std::abs(r[i]);
    weight += w;
  }
  const double count = static_cast<double>(r.size());
  const double fitted = objective.box.free_count(objective.law->size());
  const double correction = count / std::max(1.0, count - fitted);
  const double deviation = std::sqrt(squares / weight);
  const double mean_size = sizes / weight;
  NoiseModel noise;
  // The lesser negative log-likelihood a point, each at its own best size: log(2 e b) for
  // Laplace, log(s sqrt(2 pi e)) for normal noise.
  noise.laplace = std::log(2 * mean_size) + 1 <
                  std::log(deviation) + 0.5 * std::log(2 * std::numbers::pi) + 0.5;
  noise.scale = noise.laplace ? mean_size * correction : deviation * std::sqrt(correction);
  return noise;
}

Resampler::Resampler(const Points& points, Resampling kind, std::uint64_t seed,
                     const std::vector<int>& labels)
    : kind_(kind), seed_(seed), points_(points.size()) {
  std::map<int, std::vector<int>> runs;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const int point = static_cast<int>(i);
    if (kind == Resampling::kClusters && points[i].cluster >= 0) {
      runs[points[i].cluster].push_back(point);
    } else {
      members_.push_back({point});
    }
  }
  for (auto& [id, members] : runs) members_.push_back(std::move(members));
  std::map<int, std::vector<int>> strata;
  for (std::size_t run = 0; run < members_.size(); ++run) {
    int stratum = 0;
    for (const int i : members_[run]) {
      const auto point = static_cast<std::size_t>(i);
      stratum = labels.empty() ? stratum | stage_bit(points[point]) : labels[point];
    }
    strata[stratum].push_back(static_cast<int>(run));
  }
  for (auto& [stratum, members] : strata) strata_.push_back(std::move(members));
}

Resample Resampler::draw(int draw) const {
  Random random(seed_, static_cast<std::uint64_t>(draw));
  Resample out;
  if (kind_ == Resampling::kParametric) {
    out.count.assign(points_, 1.0);
    for (std::size_t i = 0; i < points_; ++i) {
      out.normal.push_back(random.normal());
      out.laplace.push_back(random.laplace());
    }
    return out;
  }
  out.count.assign(points_, 0.0);
  for (const std::vector<int>& stratum : strata_) {
    const auto size = static_cast<std::uint32_t>(stratum.size());
    for (std::uint32_t k = 0; k < size; ++k) {
      const int run = stratum[random.index(size)];
      for (const int i : members_[static_cast<std::size_t>(run)]) {
        out.count[static_cast<std::size_t>(i)] += 1;
      }
    }
  }
  return out;
}

void apply(const Resample& resample, const Objective& objective, const std::vector<int>& index,
           const Theta& fitted, const NoiseModel& noise, std::vector<Sample>& out) {
  out.clear();
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto point = static_cast<std::size_t>(index[i]);
    if (resample.count[point] == 0) continue;
    Sample sample = objective.samples[i];
    sample.weight *= resample.count[point];
    if (!resample.normal.empty()) {
      const double standard = noise.laplace ? resample.laplace[point] : resample.normal[point];
      sample.log_loss =
          objective.law->log_loss(fitted.data(), sample, nullptr) + noise.scale * standard;
    }
    out.push_back(sample);
  }
}

std::vector<int> all_indices(const Points& points) {
  std::vector<int> out(points.size());
  std::iota(out.begin(), out.end(), 0);
  return out;
}

}  // namespace crosslaw::fit
