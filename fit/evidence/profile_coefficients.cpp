#include "fit/evidence/profile.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>

#include "fit/evidence/profile_walk.h"
#include "fit/solve/newton.h"
#include "fit/solve/noise_factors.h"
#include "fit/solve/objective.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

constexpr double kLargestLog = 700;  // of a level that still is a double

// The same problem with the origin of log N, log D or both moved to 0 where coefficient i depends
// on it: there its coordinate is the one that users read, and holding it still holds A and not A
// N^-alpha at the centre of the data. The other axis stays centred for the condition's sake.
Objective where_plain(const Objective& objective, int i) {
  // Asked of the law itself, by a shift of one: no list of which coefficient lives on which axis.
  const auto moves = [&](double dx, double dy) {
    Theta probe = Theta::Constant(objective.law->size(), 0.5);
    objective.law->shift(probe.data(), dx, dy);
    return probe[i] != 0.5;
  };
  const double dx = moves(1, 0) ? objective.mean_log_params : 0;
  const double dy = moves(0, 1) ? objective.mean_log_tokens : 0;
  Objective out = objective;
  out.mean_log_params -= dx;
  out.mean_log_tokens -= dy;
  for (Sample& sample : out.samples) {
    sample.log_params += dx;
    sample.log_tokens += dy;
  }
  for (int k = 0; k < objective.law->size(); ++k) {
    // Levels at the far origin are many e-folds from those at the centre, beyond their usual
    // bounds.
    if ((dx == 0 && dy == 0) ||
        objective.law->coefficients[static_cast<std::size_t>(k)].kind != Kind::kLevel) {
      continue;
    }
    out.box.lower[k] = -std::numeric_limits<double>::infinity();
    out.box.upper[k] = std::numeric_limits<double>::infinity();
  }
  return out;
}

// A floor is walked in E itself, since the whole way to E = 0 is of interest; a level in its log.
ProfileWalk walk_of(const Objective& centred, const Theta& plain, int i, double tau) {
  auto objective = std::make_shared<Objective>(where_plain(centred, i));
  objective->box.free[static_cast<std::size_t>(i)] = false;
  const Kind kind = centred.law->coefficients[static_cast<std::size_t>(i)].kind;
  const bool floor = kind == Kind::kFloor;
  ProfileWalk walk;
  walk.best.theta = objective->centred(plain);
  walk.best.objective = evaluate(*objective, walk.best.theta).objective;
  walk.best.at = floor ? std::exp(plain[i]) : plain[i];
  walk.limit = profile_limit(walk.best.objective, tau, objective_freedom(centred));
  walk.logarithm = kind == Kind::kLevel;
  walk.lowest = floor            ? std::exp(centred.box.lower[i])
                : walk.logarithm ? -kLargestLog
                                 : centred.box.lower[i];
  walk.highest = floor            ? std::exp(centred.box.upper[i])
                 : walk.logarithm ? kLargestLog
                                  : centred.box.upper[i];
  // E as a share of the loss, levels in their log, exponents as they are; the walk soon grows it.
  walk.step = floor ? 0.01 * std::exp(centred.min_log_loss) : walk.logarithm ? 0.05 : 0.01;
  walk.hold = [objective, i, floor](double at, const Held& from) {
    Theta start = from.theta;
    start[i] = floor ? std::log(at) : at;
    NewtonOptions options;
    options.least_gain = 1e-10;
    const NewtonSummary found = minimise(*objective->law, objective->samples, objective->delta,
                                         objective->box, start, options);
    return Held{at, found.objective, found.theta};
  };
  return walk;
}

// Appends the walks of the free coefficients of one minimisation, by their names in the whole law.
void add_walks(const Points& points, const FitResult& fit, const LawPart& part, const Law& whole,
               std::vector<ProfileWalk>& out) {
  if (static_cast<int>(points.size()) != fit.points) {
    throw std::invalid_argument(
        fmt::format("a fit of {} points has no profile over {} points", fit.points, points.size()));
  }
  Objective objective = make_objective(*fit.law, points, fit.huber_delta);
  for (std::size_t i = 0; i < fit.coefficients.size(); ++i) {
    objective.box.free[i] = !fit.coefficients[i].frozen;
  }
  const double tau = noise_factors(objective, objective.centred(fit.theta)).ratio;
  for (int i = 0; i < fit.law->size(); ++i) {
    if (!objective.box.free[static_cast<std::size_t>(i)]) continue;
    out.push_back(walk_of(objective, fit.theta, i, tau));
    const int place = part.coefficients[static_cast<std::size_t>(i)];
    out.back().name = whole.coefficients[static_cast<std::size_t>(place)].name;
  }
}

}  // namespace

std::vector<Profile> profile_coefficients(const Points& points, const FitResult& fit, int threads) {
  std::vector<ProfileWalk> walks;
  for (const FittedPart& each : fitted_parts(fit)) {
    add_walks(points_of(each.part, points), *each.fit, each.part, *fit.law, walks);
  }
  return walk_profiles(walks, threads);
}

}  // namespace crosslaw::fit
