#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "fit/solve/fitter.h"
#include "fit/solve/stages.h"

namespace crosslaw::fit {
namespace {

void require_every_stage(const std::vector<LawPart>& parts, const Points& points) {
  std::vector<std::string_view> names;
  std::vector<std::size_t> counts;
  for (const LawPart& part : parts) {
    names.push_back(part.strategy);
    counts.push_back(indices_of(part, points).size());
  }
  if (*std::min_element(counts.begin(), counts.end()) > 0) return;
  throw std::invalid_argument(fmt::format("a two-stage fit needs {} points; there are {}",
                                          fmt::join(names, " and "), fmt::join(counts, " and ")));
}

// The worse of both, and what adds up.
Certificate combine(const Certificate& a, int a_points, const Certificate& b, int b_points) {
  const double share = static_cast<double>(a_points) / (a_points + b_points);
  Certificate out;
  out.gradient_norm = std::max(a.gradient_norm, b.gradient_norm);
  out.gradient_scale = std::min(a.gradient_scale, b.gradient_scale);
  out.starts = a.starts;
  out.starts_at_best = std::min(a.starts_at_best, b.starts_at_best);
  out.starts_unfinished = std::max(a.starts_unfinished, b.starts_unfinished);
  out.points_searched = a.points_searched + b.points_searched;
  out.condition = std::max(a.condition, b.condition);
  out.quadratic_share = share * a.quadratic_share + (1 - share) * b.quadratic_share;
  out.rms_log_residual = std::sqrt(share * a.rms_log_residual * a.rms_log_residual +
                                   (1 - share) * b.rms_log_residual * b.rms_log_residual);
  out.at_bound = a.at_bound;
  return out;
}

// What the stages say, as a fit of the whole law.
FitResult combine(const Law& law, std::vector<StageCore>& stages) {
  FitResult out;
  out.law = &law;
  out.method = kTwoStageLaw;
  out.converged = out.identifiable = true;
  out.theta = Theta::Zero(law.size());
  out.coefficients.resize(law.coefficients.size());
  // The whole law has draws where every stage has.
  out.draws.resize(stages.back().core.result.draws.rows(), law.size());
  for (StageCore& stage : stages) {
    FitResult& mine = stage.core.result;
    // Names and bounds of the first stage are those of the whole law; later ones say whose they
    // are.
    const bool first = out.points == 0;
    out.certificate = first ? mine.certificate
                            : combine(out.certificate, out.points, mine.certificate, mine.points);
    for (const std::string& each : mine.certificate.at_bound) {
      if (!first) out.certificate.at_bound.push_back(labelled(stage.part.strategy, each));
    }
    out.points += mine.points;
    out.huber_delta = mine.huber_delta;
    out.auto_delta = mine.auto_delta;
    out.objective += mine.objective;
    out.converged = out.converged && mine.converged;
    if (out.confounded.empty()) out.confounded = mine.confounded;
    out.identifiable = out.identifiable && mine.identifiable;
    if (first || !mine.bootstrap.reason.empty()) out.bootstrap = mine.bootstrap;
    stage.put_free(mine.theta, out.theta);
    for (std::size_t i = 0; i < stage.part.coefficients.size(); ++i) {
      if (!stage.is_free(i)) continue;
      const int place = stage.part.coefficients[i];
      Coefficient& own = out.coefficients[static_cast<std::size_t>(place)];
      own = mine.coefficients[i];
      own.name = law.coefficients[static_cast<std::size_t>(place)].name;
      if (out.draws.rows() > 0) out.draws.col(place) = mine.draws.col(static_cast<Eigen::Index>(i));
    }
    for (const std::string& each : mine.problems) {
      out.problems.push_back(fmt::format("{} stage: {}", stage.part.strategy, each));
    }
    out.stages.push_back(std::move(mine));
  }
  out.certificate.other_optima.clear();  // they are coefficients of one stage
  return out;
}

}  // namespace

FitResult fit_two_stage(const Points& points, const FitOptions& options) {
  require_usable(points, options);
  const Law& law = law_of_fit(kTwoStageLaw);
  require_every_stage(parts_of(law), points);
  std::vector<StageCore> stages = fit_stages(law, parts_of(law), points, options);
  add_draws(law, points, options, stages);
  FitResult result = combine(law, stages);
  result.measured_range = coverage(points);
  result.compute = fit_compute(points);
  return result;
}

}  // namespace crosslaw::fit
