#include "fit/data/repeated_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <unordered_set>

#include "fit/data/column_role.h"
#include "fit/data/run_key.h"
#include "fit/data/smooth_losses.h"

namespace crosslaw::fit {
namespace {

constexpr double kSeedScatter = 0.01;  // of log losses; seeds differ by less, settings by more
constexpr double kBeyondNeighbours = 2;
constexpr double kRepeatedShare = 0.3;  // of the points, before it is how the file is made
constexpr std::size_t kColumnsNamed = 6;
constexpr std::size_t kSureDigits = 6;      // of a loss, which two runs hardly share
constexpr double kFewCopies = 0.05;         // of rows with equal N and D, chance makes fewer
constexpr std::size_t kDoubtfulDigits = 4;  // below, most seeds agree by rounding
constexpr std::size_t kEnoughCopies = 6;

using PointGroups = std::map<RunKey, std::vector<std::size_t>>;

PointGroups groups_of(const Points& points) {
  PointGroups out;
  for (std::size_t i = 0; i < points.size(); ++i) out[run_key(points[i])].push_back(i);
  return out;
}

// Columns in which the rows of groups differ, those first that differ in most groups. Names and
// other losses of a run tell nothing.
std::vector<std::string> varying_columns(const PointGroups& groups, const Records& records,
                                         const std::vector<std::size_t>& rows,
                                         const std::string& loss_column) {
  std::vector<std::pair<std::size_t, std::string>> found;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string& column = records.columns[c];
    if (column == loss_column || role_rank(column, Role::kLoss) > 0) continue;
    std::set<std::string> values;
    std::size_t varies = 0;
    for (const auto& [key, members] : groups) {
      bool differs = false;
      for (const std::size_t i : members) {
        values.insert(records.rows[rows[i]][c]);
        differs = differs || records.rows[rows[i]][c] != records.rows[rows[members[0]]][c];
      }
      varies += differs ? 1 : 0;
    }
    const bool names_rows = values.size() == rows.size();
    if (varies > 0 && !names_rows) found.emplace_back(varies, column);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> out;
  for (const auto& [count, column] : found) {
    if (out.size() < kColumnsNamed) out.push_back(column);
  }
  return out;
}

// The values of these columns, numbers as numbers: 4e7 is 40000000.0.
std::string values_of(const Records& records, std::size_t row,
                      const std::vector<std::size_t>& columns) {
  std::string out;
  for (const std::size_t column : columns) {
    const std::string_view text = trimmed(records.rows[row][column]);
    const auto number = parse_number(text, records.mark);
    out += number ? fmt::format("{:a}", *number) : std::string(text);
    out += '\x1f';
  }
  return out;
}

std::size_t digits_of(std::string_view number) {
  number = number.substr(0, number.find_first_of("eE"));
  const std::size_t first = number.find_first_of("123456789");
  if (first == std::string_view::npos) return 0;
  return static_cast<std::size_t>(
      std::count_if(number.begin() + static_cast<std::ptrdiff_t>(first), number.end(),
                    [](unsigned char c) { return std::isdigit(c) != 0; }));
}

}  // namespace

std::vector<std::size_t> equal_rows(const Records& records, const std::vector<std::size_t>& rows) {
  std::vector<std::size_t> all(records.columns.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::unordered_set<std::string> seen;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!seen.insert(values_of(records, rows[i], all)).second) out.push_back(i);
  }
  return out;
}

std::vector<std::size_t> copied_rows(const Records& records, const std::vector<std::size_t>& rows,
                                     const std::vector<std::size_t>& used, std::size_t loss) {
  std::vector<std::size_t> but_loss = used;
  but_loss.erase(std::remove(but_loss.begin(), but_loss.end(), loss), but_loss.end());
  std::map<std::string, std::map<std::string, std::size_t>> groups;  // by the rest, then the loss
  std::vector<std::size_t> copies;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& losses = groups[values_of(records, rows[i], but_loss)];
    if (++losses[values_of(records, rows[i], {loss})] > 1) copies.push_back(i);
    digits = std::max(digits, digits_of(records.rows[rows[i]][loss]));
  }
  std::size_t together = 0, paired = 0;
  for (const auto& [rest, losses] : groups) {
    std::size_t members = 0, equal = 0;
    for (const auto& [value, count] : losses) {
      members += count;
      equal += count > 1 ? count : 0;
    }
    if (members < 2) continue;
    together += members;
    paired += equal;
  }
  const bool sure = digits >= kSureDigits;
  const double share = sure ? kFewCopies : digits >= kDoubtfulDigits ? 0.5 : 1;
  const bool enough = static_cast<double>(paired) >= share * static_cast<double>(together);
  return enough && (sure || copies.size() >= kEnoughCopies) ? copies : std::vector<std::size_t>{};
}

std::optional<std::string> describe_repeats(const Points& points, const Records& records,
                                            const std::vector<std::size_t>& rows,
                                            const std::string& loss_column) {
  const PointGroups groups = groups_of(points);
  Points best;
  double squares = 0;
  std::size_t repeated = 0, freedoms = 0;
  for (const auto& [key, members] : groups) {
    const auto lowest = *std::min_element(members.begin(), members.end(), [&](auto a, auto b) {
      return points[a].loss < points[b].loss;
    });
    best.push_back(points[lowest]);
    if (members.size() < 2) continue;
    double mean = 0;
    for (const std::size_t i : members) {
      mean += std::log(points[i].loss) / static_cast<double>(members.size());
    }
    for (const std::size_t i : members) squares += std::pow(std::log(points[i].loss) - mean, 2);
    repeated += members.size();
    freedoms += members.size() - 1;
  }
  if (static_cast<double>(repeated) < kRepeatedShare * static_cast<double>(points.size())) {
    return std::nullopt;
  }
  const double within = std::sqrt(squares / static_cast<double>(freedoms));
  // Among fewer groups a polynomial passes through all of them.
  const double between = best.size() > 4 ? SmoothLosses(best).scatter() : 0;
  if (within < std::max(kSeedScatter, kBeyondNeighbours * between)) return std::nullopt;
  const auto varying = varying_columns(groups, records, rows, loss_column);
  return fmt::format(
      "{} rows have only {} pairs of N and D; at equal N and D the losses scatter by {:.2g} %, the "
      "best ones around a smooth surface by {:.2g} %{}: these look like all settings that were "
      "tried, not one model a row; --best-of N,D takes the best of each pair, --mean-of N,D the "
      "mean, --where one setting",
      points.size(), groups.size(), 100 * within, 100 * between,
      varying.empty() ? "" : fmt::format(" ({} vary)", fmt::join(varying, ", ")));
}

std::vector<Group> grouped(const Points& points, const std::vector<std::string>& keys) {
  std::map<std::string, std::size_t> ids;
  std::vector<Group> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto [found, added] = ids.try_emplace(keys[i], out.size());
    if (added) out.push_back({i, 0, 0});
    Group& group = out[found->second];
    if (points[i].loss < points[group.chosen].loss) group.chosen = i;
    group.mean_loss += points[i].loss;
    ++group.count;
  }
  for (Group& each : out) each.mean_loss /= static_cast<double>(each.count);
  return out;
}

}  // namespace crosslaw::fit
