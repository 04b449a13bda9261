#include "fit/data/wide_export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace crosslaw::fit {
namespace {

constexpr std::string_view kBetween = " - ";
constexpr double kSameEnd = 0.02;  // of a step: trackers do not log every one

struct RunMetric {
  std::string run, metric;
};

bool is_band(const std::string& column) {
  return column.ends_with("__MIN") || column.ends_with("__MAX");
}

std::optional<RunMetric> run_metric(const std::string& column) {
  const std::size_t at = column.rfind(kBetween);
  if (at == std::string::npos || at == 0 || at + kBetween.size() >= column.size()) {
    return std::nullopt;
  }
  return RunMetric{column.substr(0, at), column.substr(at + kBetween.size())};
}

// The x axis and then runs alone; the bands around a line are the mark of such a file.
bool is_wide_export(const Records& records) {
  if (records.columns.size() < 2) return false;
  const auto runs = std::count_if(records.columns.begin() + 1, records.columns.end(),
                                  [](const auto& each) { return run_metric(each).has_value(); });
  return runs + 1 == static_cast<std::ptrdiff_t>(records.columns.size());
}

// Sizes in a name, "d12-125M-2.5B": digits with a K, M or B that no letter follows.
std::vector<std::string> sizes_in_name(const std::string& name) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool begins =
        std::isdigit(static_cast<unsigned char>(name[i])) &&
        (i == 0 || !(std::isalnum(static_cast<unsigned char>(name[i - 1])) || name[i - 1] == '.'));
    if (!begins) continue;
    std::size_t end = i;
    while (end < name.size() &&
           (std::isdigit(static_cast<unsigned char>(name[end])) || name[end] == '.')) {
      ++end;
    }
    const bool unit =
        end < name.size() &&
        std::string_view("KMBTkmbt").find(name[end]) != std::string_view::npos &&
        (end + 1 == name.size() || !std::isalnum(static_cast<unsigned char>(name[end + 1])));
    if (unit && parse_number(name.substr(i, end + 1 - i)))
      out.push_back(name.substr(i, end + 1 - i));
    i = end;
  }
  std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
    return *parse_number(a) < *parse_number(b);
  });
  return out;
}

// False: the names tell no budget.
bool add_sizes_of_names(Records& records) {
  std::vector<std::vector<std::string>> sizes;
  for (const auto& row : records.rows) sizes.push_back(sizes_in_name(row.front()));
  const std::size_t count = sizes.empty() ? 0 : sizes.front().size();
  const bool same = std::all_of(sizes.begin(), sizes.end(),
                                [&](const auto& each) { return each.size() == count; });
  if (!same || count == 0 || count > 2) return false;
  for (const char* column : {"params_in_name", "tokens_in_name"}) {
    const auto k = static_cast<std::size_t>(records.columns.size());
    if (k > 100000 || (column[0] == 't' && count < 2)) break;
    records.columns.emplace_back(column);
    for (std::size_t i = 0; i < records.rows.size(); ++i) {
      records.rows[i].push_back(sizes[i][column[0] == 't' ? 1 : 0]);
    }
  }
  records.notes.push_back(fmt::format("{} read from the names of the runs, such as {} of '{}'",
                                      count == 1 ? "params_in_name is" : "sizes in_name are",
                                      sizes.front().front(), records.rows.front().front()));
  return count == 2;
}

// The step at which a run would have ended: that of most runs, or in proportion to the tokens in
// its name. Absent: the runs follow neither.
std::optional<std::vector<double>> last_steps_expected(const std::vector<double>& last,
                                                       const std::vector<double>& tokens) {
  const auto shared = [](const std::vector<double>& values) -> std::optional<double> {
    for (const double one : values) {
      const auto near = std::count_if(values.begin(), values.end(), [&](double each) {
        return std::abs(each - one) <= kSameEnd * one;
      });
      if (2 * near > static_cast<std::ptrdiff_t>(values.size())) return one;
    }
    return std::nullopt;
  };
  if (const auto step = shared(last)) return std::vector<double>(last.size(), *step);
  if (tokens.empty()) return std::nullopt;
  std::vector<double> per_token;
  for (std::size_t i = 0; i < last.size(); ++i) per_token.push_back(last[i] / tokens[i]);
  const auto rate = shared(per_token);
  if (!rate) return std::nullopt;
  std::vector<double> out;
  for (const double each : tokens) out.push_back(*rate * each);
  return out;
}

// Runs that stopped before the step of the others have not seen the tokens of their names.
void leave_out_stopped_runs(Records& records, bool tokens_in_names) {
  std::vector<double> last, tokens;
  for (const auto& row : records.rows) {
    const auto step = parse_number(row[1], records.mark);
    if (!step || *step <= 0) return;
    last.push_back(*step);
    if (tokens_in_names) tokens.push_back(*parse_number(row.back()));
  }
  const auto expected = last_steps_expected(last, tokens);
  if (!expected) return;
  std::vector<std::string> names;
  for (std::size_t i = last.size(); i-- > 0;) {
    if (last[i] >= (1 - kSameEnd) * (*expected)[i]) continue;
    names.insert(names.begin(), fmt::format("'{}' (at {} of {:g})", records.rows[i].front(),
                                            records.rows[i][1], (*expected)[i]));
    if (!tokens_in_names) continue;
    records.rows.erase(records.rows.begin() + static_cast<std::ptrdiff_t>(i));
    records.lines.erase(records.lines.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (names.empty()) return;
  records.notes.push_back(fmt::format(
      "{} ended before the others{}", fmt::join(names, ", "),
      tokens_in_names ? ", so that they have not seen the tokens of their names: left out"
                      : ": their losses are of fewer steps"));
}

}  // namespace

void turn_wide_export(Records& records) {
  if (!is_wide_export(records)) return;
  Records out;
  out.name = records.name;
  out.format = records.format + ", a column a run";
  out.notes = records.notes;
  out.columns = {"run", records.columns.front()};
  std::map<std::string, std::size_t> runs;
  for (std::size_t c = 1; c < records.columns.size(); ++c) {
    if (is_band(records.columns[c])) continue;
    const RunMetric key = *run_metric(records.columns[c]);
    auto metric = std::find(out.columns.begin(), out.columns.end(), key.metric);
    if (metric == out.columns.end()) {
      out.columns.push_back(key.metric);
      metric = out.columns.end() - 1;
    }
    const auto place = static_cast<std::size_t>(metric - out.columns.begin());
    const auto [run, added] = runs.try_emplace(key.run, out.rows.size());
    if (added) {
      out.rows.push_back({key.run});
      out.lines.push_back(0);
    }
    std::vector<std::string>& row = out.rows[run->second];
    row.resize(std::max(row.size(), out.columns.size()));
    for (std::size_t r = 0; r < records.rows.size(); ++r) {
      if (is_missing(records.rows[r][c])) continue;
      row[place] = records.rows[r][c];
      if (records.lines[r] < out.lines[run->second]) continue;
      row[1] = records.rows[r].front();
      out.lines[run->second] = records.lines[r];
    }
  }
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    out.rows[i].resize(out.columns.size());
    if (out.lines[i] == 0) out.lines[i] = records.lines.empty() ? 1 : records.lines.front();
  }
  out.notes.push_back(
      fmt::format("a W&B line plot of {} runs over {} steps: the last value of each run is its row",
                  out.rows.size(), records.rows.size()));
  const bool tokens_in_names = add_sizes_of_names(out);
  leave_out_stopped_runs(out, tokens_in_names);
  records = std::move(out);
}

}  // namespace crosslaw::fit
