#include "fit/data/holdout_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/data/number_text.h"
#include "fit/data/row_filter.h"

namespace crosslaw::fit {
namespace {

constexpr std::string_view kLargest = "largest-", kRollout = "rollout";
constexpr double kSmallestTraining = 0.75;  // share that a factor nobody asked for must leave

struct Rule {
  const ScaleAxis* axis = nullptr;
  bool rollout = false;
  std::optional<double> factor;
};

// The axis of such a name; null: none.
const ScaleAxis* axis_named(std::string_view name) {
  const auto& axes = scale_axes();
  const auto found = std::find_if(axes.begin(), axes.end(),
                                  [&](const ScaleAxis& each) { return each.name == name; });
  return found == axes.end() ? nullptr : &*found;
}

Rule parse_rule(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  Rule rule;
  rule.rollout = name.starts_with(kRollout);
  if (name == kRollout) {
    rule.axis = scale_axes().data();
  } else if (rule.rollout && name.substr(kRollout.size()).starts_with('-')) {
    rule.axis = axis_named(name.substr(kRollout.size() + 1));
  } else if (name.starts_with(kLargest)) {
    rule.axis = axis_named(name.substr(kLargest.size()));
  }
  if (rule.axis == nullptr) {
    throw std::invalid_argument(
        fmt::format("hold-out rule '{}' is not known; it must be one of {} or COLUMN=VALUE (also "
                    "!= < <= > >=)",
                    text, kHoldoutRules));
  }
  if (colon == std::string_view::npos) return rule;
  const std::string_view number = text.substr(colon + 1);
  const double factor = parse_number(number).value_or(0);
  const bool fine = factor > 1;
  if (!fine || rule.rollout) {
    throw std::invalid_argument(
        fmt::format("hold-out rule '{}': {}", text,
                    fine ? "rollout has no factor" : "the factor must be a number above 1"));
  }
  rule.factor = factor;
  return rule;
}

HoldoutSplit split_above(const std::vector<double>& sizes, double cut) {
  HoldoutSplit out;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    (sizes[i] > cut ? out.test : out.train).push_back(static_cast<int>(i));
  }
  return out;
}

// The cut above which at most a quarter of the points lies, ties together; where the largest tie is
// more than that, the cut below that tie.
double quarter_cut(std::vector<double> sizes) {
  std::sort(sizes.begin(), sizes.end());
  const double below = sizes[sizes.size() - 1 - sizes.size() / 4];
  if (below < sizes.back()) return below;
  const auto tie = std::lower_bound(sizes.begin(), sizes.end(), below);
  return tie == sizes.begin() ? below : *(tie - 1);
}

HoldoutPlan split_largest(const std::vector<double>& sizes, const ScaleAxis& axis,
                          std::optional<double> factor) {
  const double largest = *std::max_element(sizes.begin(), sizes.end());
  double cut = largest / factor.value_or(axis.usual_factor);
  HoldoutPlan out;
  HoldoutSplit split = split_above(sizes, cut);
  const auto least = kSmallestTraining * static_cast<double>(sizes.size());
  if (!factor && static_cast<double>(split.train.size()) < least) {
    out.notes.push_back(fmt::format(
        "{} within {:.3g} of the largest would hold out {} of {} points: the largest "
        "quarter is held out instead; {}{}:FACTOR holds out what you say",
        axis.symbol, axis.usual_factor, split.test.size(), sizes.size(), kLargest, axis.name));
    cut = quarter_cut(sizes);
    split = split_above(sizes, cut);
  }
  out.rule = fmt::format("{} above {:.4g}", axis.symbol, cut);
  out.splits.push_back(std::move(split));
  return out;
}

HoldoutPlan split_rollout(const std::vector<double>& sizes, const ScaleAxis& axis) {
  std::vector<double> sorted = sizes;
  std::sort(sorted.begin(), sorted.end());
  std::set<double> cuts;  // two eighths that end in one tie are one
  for (const int eighths : {4, 5, 6, 7, 8}) {
    const std::size_t count = (sorted.size() * static_cast<std::size_t>(eighths) + 7) / 8;
    cuts.insert(sorted[std::max<std::size_t>(count, 1) - 1]);
  }
  HoldoutPlan out;
  out.rule =
      fmt::format("rollout over {}: each eighth of the points by those below it, from the half on",
                  axis.symbol);
  for (auto cut = cuts.begin(); std::next(cut) != cuts.end(); ++cut) {
    HoldoutSplit split;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] <= *cut) split.train.push_back(static_cast<int>(i));
      if (sizes[i] > *cut && sizes[i] <= *std::next(cut)) split.test.push_back(static_cast<int>(i));
    }
    out.splits.push_back(std::move(split));
  }
  return out;
}

// Checkpoints of a run that also trains are easier to predict than a run of its own.
void note_shared_runs(const Points& points, HoldoutPlan& plan) {
  std::size_t shared = 0, all = 0;
  for (const HoldoutSplit& split : plan.splits) {
    std::set<int> training;
    for (const int i : split.train) training.insert(points[static_cast<std::size_t>(i)].cluster);
    for (const int i : split.test) {
      const int run = points[static_cast<std::size_t>(i)].cluster;
      ++all;
      if (run >= 0 && training.count(run) > 0) ++shared;
    }
  }
  if (shared == 0) return;
  plan.notes.push_back(fmt::format(
      "{} of {} held-out points belong to runs of which other points train", shared, all));
}

HoldoutPlan checked(const Points& points, HoldoutPlan plan) {
  const bool whole = std::all_of(
      plan.splits.begin(), plan.splits.end(),
      [](const HoldoutSplit& split) { return !split.train.empty() && !split.test.empty(); });
  if (plan.splits.empty() || !whole) {
    throw std::invalid_argument(fmt::format(
        "holding out {} leaves nothing to {} on ({} points)", plan.rule,
        plan.splits.empty() || plan.splits.front().test.empty() ? "test" : "train", points.size()));
  }
  note_shared_runs(points, plan);
  return plan;
}

}  // namespace

const std::array<ScaleAxis, 3>& scale_axes() {
  static const std::array<ScaleAxis, 3> axes = {{
      {"compute", "C", 10, training_flops},
      {"params", "N", std::sqrt(10.0), [](const Point& each) { return each.params; }},
      {"tokens", "D", std::sqrt(10.0), [](const Point& each) { return each.tokens; }},
  }};
  return axes;
}

bool names_holdout_rule(std::string_view text) {
  return text.find_first_of("=<>") == std::string_view::npos;
}

HoldoutPlan split_by_rule(const Points& points, std::string_view text) {
  if (points.empty()) throw std::invalid_argument("there are no points to hold out");
  const Rule rule = parse_rule(text);
  std::vector<double> sizes;
  for (const Point& point : points) sizes.push_back(rule.axis->value(point));
  return checked(points, rule.rollout ? split_rollout(sizes, *rule.axis)
                                      : split_largest(sizes, *rule.axis, rule.factor));
}

HoldoutPlan split_by_rows(const Points& points, const std::vector<bool>& held_out,
                          std::string rule) {
  HoldoutSplit split;
  for (std::size_t i = 0; i < points.size(); ++i) {
    (held_out.at(i) ? split.test : split.train).push_back(static_cast<int>(i));
  }
  HoldoutPlan plan;
  plan.rule = std::move(rule);
  plan.splits.push_back(std::move(split));
  return checked(points, std::move(plan));
}

std::vector<bool> rows_with_any(const Records& records, const std::vector<std::size_t>& rows,
                                const std::vector<std::string>& conditions) {
  std::vector<bool> out(rows.size(), false);
  for (const std::string& each : conditions) {
    const std::vector<bool> with = rows_with(records, each);
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = out[i] || with[rows[i]];
  }
  return out;
}

}  // namespace crosslaw::fit
