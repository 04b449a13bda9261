#include "fit/solve/resample.h"

#include <map>
#include <numeric>

#include "fit/solve/random.h"

namespace crosslaw::fit {
namespace {

int stage_bit(const Point& point) { return 1 << static_cast<int>(point.stage); }

}  // namespace

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
    out.shared.resize(points_);
    for (double& each : out.shared) each = random.normal();
    out.sizes = {seed_, static_cast<std::uint64_t>(draw)};
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

NoiseModel noise_in(const Resample& world, const std::vector<int>& index, const NoiseModel& noise) {
  if (noise.left_over && !world.normal.empty()) {
    Eigen::VectorXd standard(static_cast<Eigen::Index>(index.size()));
    for (std::size_t i = 0; i < index.size(); ++i) {
      standard[static_cast<Eigen::Index>(i)] = world.normal[static_cast<std::size_t>(index[i])];
    }
    return noise.scaled_to(standard);
  }
  // A stream of its own for every stage: each has residuals of its own.
  constexpr std::uint64_t kSizes = 0x6e6f697365;  // "noise": no stream of the resample itself
  const auto stage = static_cast<std::uint64_t>(index.front());
  Random random(world.sizes.seed ^ kSizes ^ (stage << 40), world.sizes.draw);
  return noise.drawn(random);
}

void apply(const Resample& resample, const Objective& objective, const std::vector<int>& index,
           const Theta& fitted, const NoiseModel& fitted_noise, const std::vector<int>& runs,
           std::vector<Sample>& out) {
  out.clear();
  NoiseModel noise = fitted_noise;
  if (!resample.normal.empty()) noise = noise_in(resample, index, fitted_noise);
  const double scale = noise.point_scale();
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto point = static_cast<std::size_t>(index[i]);
    if (resample.count[point] == 0) continue;
    Sample sample = objective.samples[i];
    sample.weight *= resample.count[point];
    if (!resample.normal.empty()) {
      const double standard = noise.laplace ? resample.laplace[point] : resample.normal[point];
      sample.log_loss = objective.law->log_loss(fitted.data(), sample, nullptr) + scale * standard;
      // One variate for all points of a run, which is known by its first.
      if (noise.run_sd > 0) {
        sample.log_loss += noise.run_sd * resample.shared[static_cast<std::size_t>(runs[i])];
      }
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
