#include "fit/data/run_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "fit/data/column_name.h"
#include "fit/data/median.h"

namespace crosslaw::fit {
namespace {

constexpr double kMostOfRows = 0.8;         // belong to runs of several losses
constexpr std::size_t kFewestOfRun = 3;     // losses
constexpr std::size_t kFewestOfCurve = 10;  // losses of a run that nothing names
constexpr double kEqualStep = 0.01;         // of D, relative
constexpr double kOneN = 1e-6;              // relative: a size written twice
constexpr std::size_t kFewestPairs = 3;
constexpr double kMidScheduleTold = 0.01;  // of log loss, above the ends

constexpr std::string_view kRunNames[] = {"run",      "run_id",  "runid",     "run_name",
                                          "run_uuid", "run_key", "job_id",    "trial_id",
                                          "trial",    "run_no",  "run_number"};
constexpr std::string_view kOtherNames[] = {
    "name",       "id",         "model",     "model_name",
    "experiment", "exp",        "exp_name",  "experiment_name",
    "group",      "checkpoint", "source_run"};

template <std::size_t size>
bool is_among(const std::string_view (&names)[size], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_one_size(double a, double b) { return std::abs(a - b) <= kOneN * a; }

// The runs that these ids make, if most points are of runs read along.
bool are_read_along(const Points& points, const std::vector<int>& of, bool several_of_a_size) {
  std::map<int, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < points.size(); ++i) members[of[i]].push_back(i);
  std::size_t along = 0, runs = 0;
  std::map<long long, std::size_t> of_size;
  for (const auto& [id, which] : members) {
    std::vector<double> tokens;
    for (const std::size_t i : which) {
      if (!is_one_size(points[which.front()].params, points[i].params)) return false;
      tokens.push_back(points[i].tokens);
    }
    std::sort(tokens.begin(), tokens.end());
    if (std::adjacent_find(tokens.begin(), tokens.end()) != tokens.end()) return false;
    if (which.size() < kFewestOfRun) continue;
    along += which.size();
    ++runs;
    ++of_size[std::llround(std::log(points[which.front()].params) / kOneN)];
  }
  const bool shared =
      std::any_of(of_size.begin(), of_size.end(), [](const auto& each) { return each.second > 1; });
  return runs > 1 && (shared || !several_of_a_size) &&
         static_cast<double>(along) >= kMostOfRows * static_cast<double>(points.size());
}

std::optional<TableRuns> runs_by(const Records& records, const std::vector<std::size_t>& rows,
                                 std::size_t column) {
  TableRuns out{records.columns[column], {}, {}};
  std::map<std::string, int> ids;
  for (const std::size_t row : rows) {
    const std::string cell = text_in(records, row, column);
    if (is_missing(cell)) return std::nullopt;
    const auto [found, added] = ids.try_emplace(cell, static_cast<int>(ids.size()));
    if (added) out.names.push_back(cell);
    out.of.push_back(found->second);
  }
  return out;
}

// Rows one below the other of one N whose D grows by equal steps.
std::optional<TableRuns> runs_by_steps(const Records& records, const std::vector<std::size_t>& rows,
                                       const Points& points) {
  TableRuns out;
  std::size_t along = 0, curves = 0;
  for (std::size_t start = 0, end = 0; start < points.size(); start = end) {
    double step = 0;
    for (end = start + 1; end < points.size(); ++end) {
      const double next = points[end].tokens - points[end - 1].tokens;
      if (!is_one_size(points[start].params, points[end].params) || !(next > 0)) break;
      if (step == 0) step = next;
      if (std::abs(next - step) > kEqualStep * step) break;
    }
    const bool curve = end - start >= kFewestOfCurve;
    along += curve ? end - start : 0;
    curves += curve ? 1 : 0;
    out.names.push_back("from " + records.place(rows[start]));
    out.of.insert(out.of.end(), end - start, static_cast<int>(out.names.size()) - 1);
  }
  const bool most = static_cast<double>(along) >= kMostOfRows * static_cast<double>(points.size());
  return curves > 1 && most ? std::optional(std::move(out)) : std::nullopt;
}

// Log loss of a run, its points in the order of D, between two of them.
std::optional<double> log_loss_at(const Points& run, double tokens) {
  const auto after = std::find_if(run.begin(), run.end(),
                                  [&](const Point& each) { return each.tokens >= tokens; });
  // The last point is an end itself.
  if (after == run.begin() || after == run.end() || after + 1 == run.end()) return std::nullopt;
  const Point& before = *(after - 1);
  const double share = std::log(tokens / before.tokens) / std::log(after->tokens / before.tokens);
  return (1 - share) * std::log(before.loss) + share * std::log(after->loss);
}

}  // namespace

std::optional<TableRuns> runs_in_table(const Records& records, const std::vector<std::size_t>& rows,
                                       const Points& points, const std::vector<std::size_t>& used) {
  for (const bool named_run : {true, false}) {
    for (std::size_t c = 0; c < records.columns.size(); ++c) {
      const std::string name = plain_column_name(records.columns[c]);
      if (!(named_run ? is_among(kRunNames, name) : is_among(kOtherNames, name))) continue;
      if (std::find(used.begin(), used.end(), c) != used.end()) continue;
      auto found = runs_by(records, rows, c);
      if (found && are_read_along(points, found->of, !named_run)) return found;
    }
  }
  return runs_by_steps(records, rows, points);
}

std::optional<MidSchedule> mid_schedule(const Points& points) {
  std::map<int, Points> runs;
  for (const Point& each : points) {
    if (each.cluster >= 0) runs[each.cluster].push_back(each);
  }
  std::map<long long, std::vector<Points>> of_size;
  for (auto& [id, run] : runs) {
    std::sort(run.begin(), run.end(),
              [](const Point& a, const Point& b) { return a.tokens < b.tokens; });
    of_size[std::llround(std::log(run.front().params) / kOneN)].push_back(run);
  }
  std::vector<double> above;
  for (const auto& [size, same] : of_size) {
    for (const Points& ended : same) {
      for (const Points& longer : same) {
        if (longer.back().tokens <= ended.back().tokens) continue;
        const auto middle = log_loss_at(longer, ended.back().tokens);
        if (middle) above.push_back(*middle - std::log(ended.back().loss));
      }
    }
  }
  if (above.size() < kFewestPairs) return std::nullopt;
  const std::size_t pairs = above.size();
  return MidSchedule{upper_median(std::move(above)), pairs};
}

std::string advice_on_ends(const std::string& column) {
  return column.empty() ? "keep the last row of each run"
                        : fmt::format("--best-of '{}' takes the least of each run", column);
}

std::optional<std::string> describe_mid_schedule(const Points& points, const std::string& column) {
  const std::optional<MidSchedule> found = mid_schedule(points);
  if (!found || found->above < kMidScheduleTold) return std::nullopt;
  return fmt::format(
      "losses in the middle of runs lie {:.2g} % above those of runs of the same N that end at "
      "that D (the median of {} pairs): the learning rate had not fallen yet, and a law of trained "
      "models is one of ends; {}",
      100 * std::expm1(found->above), found->pairs, advice_on_ends(column));
}

}  // namespace crosslaw::fit
