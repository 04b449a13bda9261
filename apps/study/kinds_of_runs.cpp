#include "apps/study/kinds_of_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>

#include "fit/data/column_name.h"
#include "fit/data/column_role.h"

namespace crosslaw::apps {
namespace {

constexpr std::array<std::string_view, 13> kKindNames = {
    "language",     "lang",        "target_language", "target_lang", "source_language",
    "source_lang",  "source",      "source_model",    "replay",      "replay_share",
    "replay_ratio", "replay_rate", "replay_fraction"};

// What else says that rows are of several kinds, where no column of strategies or shares was named.
constexpr std::array<std::string_view, 5> kPooledNames = {"stage", "strategy", "r", "ratio",
                                                          "target_share"};
constexpr std::size_t kValuesNamed = 4;

constexpr double kExplained = 0.5;       // share of the squares; of a seed's number some percent
constexpr std::size_t kFewestCells = 5;  // with several runs

// The values of the columns that tell kinds apart, of one run.
using KindKey = std::vector<std::string>;

bool is_continued(const fit::Point& p) { return p.stage == fit::Stage::kContinued; }

// A cell as it is compared: 0.20 is 0.2.
std::string value_in(const fit::Records& records, std::size_t row, std::size_t column) {
  const std::string text = fit::text_in(records, row, column);
  const auto number = fit::parse_number(text, records.mark);
  return number ? fmt::format("{:g}", *number) : text;
}

bool names_kinds(const std::string& column, const fit::DataFileOptions& used) {
  const std::string name = fit::plain_column_name(column);
  return column == used.ratio || column == used.replay ||
         std::find(kKindNames.begin(), kKindNames.end(), name) != kKindNames.end();
}

bool pools(const std::string& column, const fit::DataFileOptions& used) {
  for (const std::string* each : {&used.params, &used.tokens, &used.loss, &used.stage, &used.ratio,
                                  &used.replay, &used.base_tokens, &used.unique}) {
    if (*each == column) return false;
  }
  const std::string name = fit::plain_column_name(column);
  return names_kinds(column, used) ||
         std::find(kPooledNames.begin(), kPooledNames.end(), name) != kPooledNames.end();
}

bool varies(const fit::Records& records, const fit::DataFile& file, std::size_t column,
            fit::Stage stage) {
  std::set<std::string> values;
  for (std::size_t i = 0; i < file.points.size(); ++i) {
    if (file.points[i].stage == stage)
      values.insert(value_in(records, file.record_rows[i], column));
  }
  return values.size() > 1;
}

std::vector<std::size_t> kind_columns(const fit::Records& records, const fit::DataFile& file) {
  std::vector<std::size_t> out;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const bool in_use = records.columns[c] == file.used.stage;
    if (in_use || !names_kinds(records.columns[c], file.used)) continue;
    if (varies(records, file, c, fit::Stage::kScratch) ||
        varies(records, file, c, fit::Stage::kContinued)) {
      out.push_back(c);
    }
  }
  return out;
}

// Which runs from scratch a kind is compared with: column by column those of its value, else, where
// there are none, those of every value if it is one (replay 0).
std::vector<bool> belong(const std::vector<KindKey>& keys, const fit::Points& points,
                         const KindKey& kind) {
  std::vector<bool> out(points.size(), true);
  for (std::size_t c = 0; c < kind.size(); ++c) {
    std::set<std::string> scratch;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!is_continued(points[i])) scratch.insert(keys[i][c]);
    }
    const bool any = scratch.size() == 1 && !scratch.contains(kind[c]);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const bool same = keys[i][c] == kind[c];
      if (!same && (is_continued(points[i]) || !any)) out[i] = false;
    }
  }
  return out;
}

// log losses less the mean of their cell of equal strategy, N and D; those of single runs are left
// out.
struct Repeat {
  std::size_t row = 0;  // of the records
  double deviation = 0;
};

std::vector<Repeat> repeats_of(const fit::DataFile& file) {
  std::map<std::tuple<fit::Stage, double, double>, std::vector<std::size_t>> cells;
  for (std::size_t i = 0; i < file.points.size(); ++i) {
    const fit::Point& p = file.points[i];
    cells[{p.stage, p.params, p.tokens}].push_back(i);
  }
  std::vector<Repeat> out;
  std::size_t several = 0;
  for (const auto& [cell, members] : cells) {
    if (members.size() < 2) continue;
    ++several;
    double mean = 0;
    for (const std::size_t i : members)
      mean += std::log(file.points[i].loss) / static_cast<double>(members.size());
    for (const std::size_t i : members)
      out.push_back({file.record_rows[i], std::log(file.points[i].loss) - mean});
  }
  return several < kFewestCells ? std::vector<Repeat>{} : out;
}

// The share of their squares that the means of the column's values make up.
double explained_by(const fit::Records& records, const std::vector<Repeat>& repeats,
                    std::size_t column) {
  std::map<std::string, std::pair<double, double>> values;  // sum and count
  double all = 0;
  for (const Repeat& each : repeats) {
    auto& [sum, count] = values[value_in(records, each.row, column)];
    sum += each.deviation, count += 1;
    all += each.deviation * each.deviation;
  }
  // Names of single runs explain everything.
  if (values.size() < 2 || 3 * values.size() > repeats.size() || !(all > 0)) return 0;
  double between = 0;
  for (const auto& [value, of] : values) between += of.first * of.first / of.second;
  return between / all;
}

Dataset only(const Dataset& data, const std::vector<bool>& wanted) {
  Dataset out = data;
  fit::DataFile& file = out.data;
  const fit::DataFile& all = data.data;
  file.points.clear(), file.lines.clear(), file.record_rows.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    file.points.push_back(all.points[i]);
    file.record_rows.push_back(all.record_rows[i]);
    if (i < all.lines.size()) file.lines.push_back(all.lines[i]);
  }
  return out;
}

std::string label_of(const fit::Records& records, const std::vector<std::size_t>& columns,
                     const KindKey& kind) {
  std::vector<std::string> parts;
  for (std::size_t c = 0; c < columns.size(); ++c)
    parts.push_back(fmt::format("{}={}", records.columns[columns[c]], kind[c]));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::vector<KindOfRuns> kinds_of_runs(const Dataset& data, std::vector<std::string>& left_out) {
  const fit::Records records = fit::parse_records(data.text, data.source, {data.loss});
  const fit::Points& points = data.data.points;
  const std::vector<std::size_t> columns = kind_columns(records, data.data);
  if (columns.empty()) return {{"", data}};
  std::vector<KindKey> keys, kinds;
  for (std::size_t i = 0; i < points.size(); ++i) {
    KindKey key;
    for (const std::size_t c : columns)
      key.push_back(value_in(records, data.data.record_rows[i], c));
    const bool seen = std::find(kinds.begin(), kinds.end(), key) != kinds.end();
    if (is_continued(points[i]) && !seen) kinds.push_back(key);
    keys.push_back(std::move(key));
  }
  std::vector<KindOfRuns> out;
  for (const KindKey& kind : kinds) {
    KindOfRuns one{label_of(records, columns, kind), only(data, belong(keys, points, kind))};
    const fit::Points& own = one.data.data.points;
    if (std::all_of(own.begin(), own.end(), is_continued)) {
      left_out.push_back(fmt::format("{}: there are no runs from scratch of this kind", one.label));
    } else {
      out.push_back(std::move(one));
    }
  }
  if (out.empty()) {
    throw std::invalid_argument(fmt::format(
        "{}: {}", data.source,
        left_out.empty() ? "no run is continued" : fmt::format("{}", fmt::join(left_out, "; "))));
  }
  return out;
}

std::vector<std::string> repeats_by_column(const Dataset& data) {
  const std::vector<Repeat> repeats = repeats_of(data.data);
  if (repeats.empty()) return {};
  const fit::Records records = fit::parse_records(data.text, data.source, {data.loss});
  std::vector<std::string> out;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string& column = records.columns[c];
    if (column == data.loss || fit::role_rank(column, fit::Role::kLoss) > 0) continue;
    if (explained_by(records, repeats, c) < kExplained) continue;
    out.push_back(
        fmt::format("at equal N and D the losses go by '{0}': these rows are no seeds of one "
                    "another, and their "
                    "differences are taken for the scatter of a run; --where {0}={1} takes one",
                    column, value_in(records, repeats.front().row, c)));
  }
  return out;
}

std::vector<std::string> pooled_kinds(const Dataset& data) {
  const fit::Records records = fit::parse_records(data.text, data.source, {data.loss});
  std::vector<std::string> out;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string& column = records.columns[c];
    if (!pools(column, data.data.used)) continue;
    std::set<std::string> values;
    for (const std::size_t row : data.data.record_rows) values.insert(value_in(records, row, c));
    if (values.size() < 2) continue;
    std::vector<std::string> some(values.begin(), values.end());
    const bool more = some.size() > kValuesNamed;
    if (more) some.resize(kValuesNamed);
    out.push_back(fmt::format(
        "rows with '{}' {}{} are fitted as one kind of run; a condition such as {}={} takes one",
        column, fmt::join(some, ", "), more ? " and others" : "", column, some.front()));
  }
  return out;
}

}  // namespace crosslaw::apps
