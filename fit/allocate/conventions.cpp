#include "fit/allocate/conventions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <stdexcept>

#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

// What crosslaw export writes of a run; none of them alone is an N.
constexpr std::array<const char*, 4> kGroups = {"params_embedding", "params_unembedding",
                                                "params_blocks", "params_norms"};

bool starts_like_params(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.starts_with("n") || name.starts_with("params");
}

std::optional<double> positive(const Records& records, std::size_t row, std::size_t column) {
  try {
    const double value = number_in(records, row, column);
    return value > 0 ? std::optional(value) : std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;  // text: no way to count
  }
}

// Whether a column could count the same models as `others` does.
bool counts_params(const Records& records, std::size_t column,
                   const std::vector<std::size_t>& others, const std::vector<bool>& kept) {
  // Embeddings can outweigh the rest of a small model hundredfold; layers and heads are 1e6 apart.
  constexpr double kApart = 1000;
  for (std::size_t row = 0; row < records.rows.size(); ++row) {
    if (!kept[row]) continue;
    const std::optional<double> value = positive(records, row, column);
    if (!value) return false;
    double reference = 0;
    for (const std::size_t each : others) {
      reference += positive(records, row, each).value_or(0);
    }
    if (*value > kApart * reference || *value < reference / kApart) return false;
  }
  return true;
}

std::vector<bool> kept_rows(const Records& records, const DataFileOptions& options) {
  std::vector<bool> kept(records.rows.size(), true);
  for (const std::string& condition : options.where) {
    const std::vector<bool> with = rows_with(records, condition);
    for (std::size_t row = 0; row < kept.size(); ++row) kept[row] = kept[row] && with[row];
  }
  return kept;
}

std::optional<Coefficient> coefficient(const FitResult& fit, const char* name) {
  return fit.law->has(name) ? std::optional(fit.coefficient(name)) : std::nullopt;
}

ConventionRow make_row(const StrategyFit& strategy, const Allocation& allocation) {
  ConventionRow row;
  row.compute = allocation.compute.measured ? "measured" : "6ND";
  row.strategy = strategy.name;
  row.alpha = coefficient(strategy.fit, "alpha");
  row.beta = coefficient(strategy.fit, "beta");
  row.gamma = coefficient(strategy.fit, "gamma");
  row.refused = allocation.refused;
  row.rows = allocation.rows;
  if (allocation.growth) row.params_exponent = allocation.growth->params_exponent;
  return row;
}

void add_rows(const CountedPoints& convention, const FitOptions& settings,
              const AllocationOptions& options, std::vector<ConventionRow>& out) {
  FitResult fit;
  try {
    fit = fit_law(convention.points, settings);
  } catch (const std::invalid_argument& error) {
    ConventionRow row;
    row.params = convention.params;
    row.refused = error.what();
    out.push_back(std::move(row));
    return;
  }
  for (const bool six_nd : {true, false}) {
    if (!six_nd && !fit.compute) continue;
    AllocationOptions own = options;
    own.six_nd = six_nd;
    for (const StrategyFit& strategy : strategy_fits(fit)) {
      out.push_back(make_row(strategy, allocate(strategy.fit, own)));
      out.back().params = convention.params;
    }
  }
}

std::vector<ConventionSpread> spread_of(const ConventionReport& report) {
  std::vector<ConventionSpread> out;
  std::set<std::string> strategies;
  for (const ConventionRow& row : report.rows) strategies.insert(row.strategy);
  for (std::size_t b = 0; b < report.flops.size(); ++b) {
    for (const std::string& strategy : strategies) {
      std::vector<double> params, tokens;
      for (const ConventionRow& row : report.rows) {
        if (row.strategy != strategy || b >= row.rows.size()) continue;
        params.push_back(*row.rows[b].params.value);
        tokens.push_back(*row.rows[b].tokens.value);
      }
      // One answer spreads by nothing and would look like agreement.
      if (params.size() < 2) continue;
      const auto factor = [](const std::vector<double>& values) {
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        return *most / *least;
      };
      out.push_back({report.flops[b], strategy, factor(params), factor(tokens)});
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> params_conventions(const Records& records,
                                            const DataFileOptions& options) {
  std::vector<std::string> out;
  const std::string params = options.params.empty() ? "N" : options.params;
  const auto& columns = records.columns;
  const auto has = [&](const std::string& name) {
    return std::find(columns.begin(), columns.end(), name) != columns.end();
  };
  const auto is_group = [](const std::string& name) {
    return std::find(kGroups.begin(), kGroups.end(), name) != kGroups.end();
  };
  const bool groups = std::all_of(kGroups.begin(), kGroups.end(), has);
  if (groups) {
    out = {"params_embedding+params_unembedding+params_blocks+params_norms",
           "params_blocks+params_norms", "params_blocks"};
  }
  // The column of --params may be missing where the groups stand for it.
  const bool own = !groups || has(params);
  if (own) out.push_back(params);
  const std::vector<std::size_t> counted = summed_columns(records, out[own ? out.size() - 1 : 0]);
  const std::vector<bool> kept = kept_rows(records, options);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (columns[c] == params || !starts_like_params(columns[c])) continue;
    if (groups && is_group(columns[c])) continue;
    if (counts_params(records, c, counted, kept)) out.push_back(columns[c]);
  }
  return out;
}

ConventionReport compare_conventions(const std::vector<CountedPoints>& conventions,
                                     const FitOptions& fit, const AllocationOptions& options) {
  if (conventions.empty()) throw std::invalid_argument("no way to count N is given");
  AllocationOptions settings = options;
  if (settings.flops.empty()) {
    const double largest = coverage(conventions.front().points).flops.high;
    settings.flops = {largest, 10 * largest};
  }
  ConventionReport out;
  out.flops = settings.flops;
  for (const CountedPoints& each : conventions) add_rows(each, fit, settings, out.rows);
  out.spread = spread_of(out);
  return out;
}

}  // namespace crosslaw::fit
