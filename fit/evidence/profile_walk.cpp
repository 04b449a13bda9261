#include "fit/evidence/profile_walk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "fit/solve/distributions.h"
#include "fit/solve/parallel.h"

namespace crosslaw::fit {
namespace {

// 40 steps that grow by 1.6 reach 1e8 first steps out: what is not bounded by then is open.
constexpr int kMostSteps = 40;
constexpr double kStepGrowth = 1.6;
constexpr int kGrid = 20;  // values on a side
// A little past the end, so that a picture shows the crossing.
constexpr double kBeyond = 1.15;        // how far the values go, in distances of the end
constexpr double kEndTolerance = 1e-4;  // of that distance

struct ProfileSide {
  std::vector<Held> values;   // outward
  std::optional<double> end;  // of the interval
};

// Evenly from the optimum to `last`. Refitted outward and then inward, each from its neighbour, so
// that a value on the far side of a ridge is not missed.
std::vector<Held> even_values(const ProfileWalk& walk, double last) {
  std::vector<Held> out;
  for (int k = 1; k <= kGrid; ++k) {
    const double at = walk.best.at + (last - walk.best.at) * k / kGrid;
    out.push_back(walk.hold(at, out.empty() ? walk.best : out.back()));
  }
  for (std::size_t k = out.size() - 1; k-- > 0;) {
    const Held again = walk.hold(out[k].at, out[k + 1]);
    if (again.objective < out[k].objective) out[k] = again;
  }
  return out;
}

// Where the objective crosses the limit, between a value inside the interval and one outside it.
double crossing(const ProfileWalk& walk, Held inside, Held outside) {
  constexpr int kMostHalvings = 60;
  for (int i = 0; i < kMostHalvings; ++i) {
    const double gap = std::abs(outside.at - inside.at);
    if (gap <= kEndTolerance * std::abs(outside.at - walk.best.at)) break;
    // From the inner neighbour, whose optimum is nearer to the one sought than that outside.
    const Held middle = walk.hold(0.5 * (inside.at + outside.at), inside);
    (middle.objective <= walk.limit ? inside : outside) = middle;
  }
  return 0.5 * (inside.at + outside.at);
}

ProfileSide walk_side(const ProfileWalk& walk, double bound) {
  const double direction = bound < walk.best.at ? -1 : 1;
  const auto within = [&](double at) {
    return direction < 0 ? std::max(at, bound) : std::min(at, bound);
  };
  ProfileSide out;
  Held inside = walk.best;
  double step = walk.step;
  for (int i = 0; i < kMostSteps && inside.at != bound; ++i) {
    const Held next = walk.hold(within(inside.at + direction * step), inside);
    // The law has left what a double holds; what lies beyond is unknown, so this side stays open.
    if (!std::isfinite(next.objective)) return out;
    if (next.objective > walk.limit) {
      out.end = crossing(walk, inside, next);
      out.values = even_values(walk, within(walk.best.at + kBeyond * (*out.end - walk.best.at)));
      return out;
    }
    out.values.push_back(next);
    inside = next;
    step *= kStepGrowth;
  }
  if (inside.at == bound && !out.values.empty()) out.values = even_values(walk, bound);
  return out;
}

Profile join(const ProfileWalk& walk, const ProfileSide& low, const ProfileSide& high) {
  const auto quantity = [&](double at) { return walk.logarithm ? std::exp(at) : at; };
  Profile out;
  out.name = walk.name;
  out.value = quantity(walk.best.at);
  out.limit = walk.limit;
  if (low.end) out.low = quantity(*low.end);
  if (high.end) out.high = quantity(*high.end);
  std::vector<Held> all(low.values.rbegin(), low.values.rend());
  all.push_back(walk.best);
  all.insert(all.end(), high.values.begin(), high.values.end());
  for (const Held& each : all) {
    out.values.push_back(quantity(each.at));
    out.objective.push_back(each.objective);
  }
  return out;
}

}  // namespace

int objective_freedom(const Objective& objective) {
  return static_cast<int>(objective.samples.size()) -
         objective.box.free_count(objective.law->size());
}

double profile_limit(double objective, double tau, int freedom) {
  if (freedom < 1) return std::numeric_limits<double>::infinity();
  return objective + 0.5 * tau * std::pow(student_quantile95(freedom), 2);
}

std::vector<Profile> walk_profiles(const std::vector<ProfileWalk>& walks, int threads) {
  // Both sides of all profiles are independent: the unit of work is a side.
  std::vector<ProfileSide> sides(2 * walks.size());
  parallel_for(static_cast<int>(sides.size()), threads, [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    const ProfileWalk& walk = walks[at / 2];
    sides[at] = walk_side(walk, at % 2 == 0 ? walk.lowest : walk.highest);
  });
  std::vector<Profile> out;
  for (std::size_t k = 0; k < walks.size(); ++k) {
    out.push_back(join(walks[k], sides[2 * k], sides[2 * k + 1]));
  }
  return out;
}

}  // namespace crosslaw::fit
