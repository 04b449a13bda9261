#include "fit/data/epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "fit/data/column_role.h"

namespace crosslaw::fit {
namespace {

constexpr double kMostPasses = 1e4;
constexpr double kAsCompute = 0.3;  // of a log: attention counts some beyond 6 N D
constexpr double kOnePass = 1e-3;   // relative: tokens of one pass written twice

constexpr std::string_view kEpochNames[] = {
    "epoch",    "epochs",  "n_epochs",   "num_epochs", "passes",     "num_train_epochs",
    "n_passes", "repeats", "num_passes", "n_repeats",  "repetitions"};

// The epochs of every point; empty where a cell holds none or all are alike.
std::vector<double> epochs_in(const PointSource& source, std::size_t column) {
  std::vector<double> out;
  for (const std::size_t row : source.rows) {
    const auto value = parse_number(source.records.rows[row][column], source.records.mark);
    if (!value || !(*value > 0) || *value > kMostPasses) return {};
    out.push_back(*value);
  }
  if (out.empty()) return out;
  const auto [least, most] = std::minmax_element(out.begin(), out.end());
  // Below two the column is the progress of a run, or a single pass.
  return *least == *most || *most < 2 ? std::vector<double>{} : out;
}

// The share of points whose compute is 6 N D times these.
double share_of_compute(const Points& points, const PointSource& source,
                        const std::vector<double>* times) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double all = 6 * points[i].params * points[i].tokens * (times ? (*times)[i] : 1);
    count += std::abs(std::log(source.compute_flops[i] / all)) < kAsCompute ? 1 : 0;
  }
  return static_cast<double>(count) / static_cast<double>(points.size());
}

// D over epochs takes fewer values: data sets of a few sizes, and D what was seen of them.
bool counts_all_passes(const Points& points, const std::vector<double>& epochs) {
  std::set<long long> seen, of_one;
  for (std::size_t i = 0; i < points.size(); ++i) {
    seen.insert(std::llround(std::log(points[i].tokens) / kOnePass));
    of_one.insert(std::llround(std::log(points[i].tokens / epochs[i]) / kOnePass));
  }
  return of_one.size() < seen.size();
}

std::string product_of(const PointSource& source, const std::string& column) {
  return fmt::format(
      "write a column of '{0}' times '{1}', and say --tokens for it and --law data-constrained "
      "--unique '{0}'",
      source.tokens, column);
}

}  // namespace

std::optional<Doubt> doubt_about_epochs(const Points& points, const PointSource& source) {
  const bool right = source.tokens_unit.by_flag && source.tokens_unit.factor == 1;
  const bool repeated = std::any_of(points.begin(), points.end(),
                                    [](const Point& each) { return each.unique_tokens > 0; });
  if (points.empty() || right || repeated || !source.records.has(source.tokens)) {
    return std::nullopt;
  }
  for (std::size_t c = 0; c < source.records.columns.size(); ++c) {
    const std::string& column = source.records.columns[c];
    const std::string name = plain_column_name(column);
    if (std::find(std::begin(kEpochNames), std::end(kEpochNames), name) == std::end(kEpochNames)) {
      continue;
    }
    const std::vector<double> epochs = epochs_in(source, c);
    if (epochs.empty() || counts_all_passes(points, epochs)) continue;
    const auto [least, most] = std::minmax_element(epochs.begin(), epochs.end());
    const std::string range =
        fmt::format("column '{}' goes from {:g} to {:g}", column, *least, *most);
    if (source.compute_flops.size() == points.size()) {
      if (share_of_compute(points, source, nullptr) > 0.5) continue;
      if (share_of_compute(points, source, &epochs) > 0.5) {
        return Doubt{fmt::format("{}, and '{}' is 6 N D times it: '{}' counts the tokens of one "
                                 "pass, D is what was seen in all; {} (--tokens-unit 1 takes the "
                                 "numbers as they stand)",
                                 range, source.compute, source.tokens, product_of(source, column)),
                     true};
      }
    }
    return Doubt{fmt::format("{}: D is what was seen in all passes. If '{}' counts those of one, "
                             "{}; if it counts all, write a column of distinct tokens for --law "
                             "data-constrained --unique, or --tokens-unit 1 says that it is right",
                             range, source.tokens, product_of(source, column)),
                 false};
  }
  return std::nullopt;
}

}  // namespace crosslaw::fit
