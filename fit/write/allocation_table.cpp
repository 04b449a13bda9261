#include "fit/write/allocation_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"

namespace crosslaw::fit {
namespace {

// A column of a table with a row for each strategy at each budget.
struct Column {
  std::string header;
  std::function<std::string(const Allocation&, const AllocationRow&)> cell;
};
using Columns = std::vector<Column>;
using Format = std::string (*)(double);

std::string interval(const std::optional<Range>& range, Format format) {
  if (range && format == short_count) return short_interval(range->low, range->high);
  return range ? fmt::format("[{}, {}]", format(range->low), format(range->high)) : "-";
}

// 21.4, but 1584 rather than 1.58e+03.
std::string three_digits(double value) {
  return value >= 1000 && value < 1e6 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}
std::string four_digits(double value) { return fmt::format("{:.4g}", value); }
std::string four_decimals(double value) { return fmt::format("{:.4f}", value); }
std::string signed_decimals(double value) { return fmt::format("{:+.4f}", value); }
std::string percent(double value) { return fmt::format("{:.1f}%", 100 * value); }
std::string fine_percent(double value) { return fmt::format("{:.2f}%", 100 * value); }

std::string value_of(const Estimate& estimate, Format format) {
  return estimate.value ? format(*estimate.value) : "-";
}

bool any_row(const AllocationReport& report, const std::function<bool(const AllocationRow&)>& is) {
  return std::any_of(report.strategies.begin(), report.strategies.end(), [&](const Allocation& s) {
    return std::any_of(s.rows.begin(), s.rows.end(), is);
  });
}

void add_estimate(Columns& columns, const std::string& header, Estimate AllocationRow::*which,
                  Format format) {
  columns.push_back({header, [=](const Allocation&, const AllocationRow& row) {
                       return value_of(row.*which, format);
                     }});
  columns.push_back({"95%", [=](const Allocation&, const AllocationRow& row) {
                       return interval((row.*which).ci95, format);
                     }});
}

void add_flat_band(Columns& columns, const AllocationReport& report) {
  const double share = report.strategies.front().flat_share;
  columns.push_back({fmt::format("N within {:.3g}%", 100 * share),
                     [](const Allocation&, const AllocationRow& row) {
                       return interval(row.flat, short_count);
                     }});
  // Without draws the ends have no intervals, and a column of dashes would only take room.
  if (!any_row(report, [](const AllocationRow& row) { return row.flat_low.ci95.has_value(); })) {
    return;
  }
  columns.push_back({"95% of its ends", [](const Allocation&, const AllocationRow& row) {
                       return interval(row.flat_low.ci95, short_count) + " " +
                              interval(row.flat_high.ci95, short_count);
                     }});
}

// Their ends and number, for a long ladder would not fit a cell.
std::string as_good_sizes(const AllocationRow& row) {
  std::vector<const LadderChoice*> sizes;
  for (const LadderChoice& each : row.ladder) {
    if (each.as_good) sizes.push_back(&each);
  }
  if (sizes.empty()) return "-";
  const auto [least, most] = std::minmax_element(
      sizes.begin(), sizes.end(), [](auto* a, auto* b) { return a->size.params < b->size.params; });
  if (sizes.size() == 1) return (*least)->size.name;
  return fmt::format("{} to {} ({})", (*least)->size.name, (*most)->size.name, sizes.size());
}

// The sizes that most draws choose, at most three.
std::string shares(const AllocationRow& row) {
  std::vector<LadderChoice> sorted = row.ladder;
  std::stable_sort(sorted.begin(), sorted.end(), [](const LadderChoice& a, const LadderChoice& b) {
    return a.draws_share > b.draws_share;
  });
  std::vector<std::string> out;
  for (const LadderChoice& each : sorted) {
    if (each.draws_share <= 0 || out.size() == 3) break;
    out.push_back(fmt::format("{} {:.0f}%", each.size.name, 100 * each.draws_share));
  }
  return out.empty() ? "-" : fmt::format("{}", fmt::join(out, ", "));
}

void add_ladder(Columns& columns, const AllocationReport& report) {
  if (!any_row(report, [](const AllocationRow& row) { return row.nearest.has_value(); })) return;
  const auto add = [&](const char* header, std::string (*cell)(const AllocationRow&)) {
    columns.push_back({header, [=](const Allocation&, const AllocationRow& row) {
                         return row.nearest ? cell(row) : "-";
                       }});
  };
  add("ladder", [](const AllocationRow& row) { return row.nearest->size.name; });
  add("its D", [](const AllocationRow& row) { return short_count(row.nearest->tokens); });
  add("its loss", [](const AllocationRow& row) {
    return fmt::format("{:.4f} ({:+.2g}%)", row.nearest->loss, 100 * row.nearest->excess);
  });
  add("as good", as_good_sizes);
  if (any_row(report, [](const AllocationRow& row) { return row.params.se.has_value(); })) {
    add("best in draws", shares);
  }
}

void add_limits(Columns& columns, const AllocationReport& report) {
  if (!any(report.strategies.front().limits)) return;
  columns.push_back({"bound by", [](const Allocation&, const AllocationRow& row) {
                       return row.binding.empty() ? "-"
                                                  : fmt::format("{}", fmt::join(row.binding, ", "));
                     }});
  add_estimate(columns, "loss given up", &AllocationRow::given_up, fine_percent);
  if (any_row(report, [](const AllocationRow& row) { return row.unused_share > 0; })) {
    columns.push_back({"C unused", [](const Allocation&, const AllocationRow& row) {
                         return percent(row.unused_share);
                       }});
  }
  if (any_row(report, [](const AllocationRow& row) { return row.epochs.has_value(); })) {
    columns.push_back({"epochs", [](const Allocation&, const AllocationRow& row) {
                         return row.epochs ? three_digits(*row.epochs) : "-";
                       }});
  }
}

// Budget by budget, so that the strategies at one budget stand below each other.
Table table_of(const AllocationReport& report, const Columns& columns) {
  Table out;
  for (const Column& column : columns) out.header.push_back(column.header);
  const std::size_t budgets =
      std::max(report.strategies.front().rows.size(), report.strategies.back().rows.size());
  for (std::size_t b = 0; b < budgets; ++b) {
    for (const Allocation& strategy : report.strategies) {
      if (b >= strategy.rows.size()) continue;
      std::vector<std::string> cells;
      for (const Column& column : columns) cells.push_back(column.cell(strategy, strategy.rows[b]));
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

}  // namespace

std::string convention_line(const AllocationReport& report) {
  const Allocation& first = report.strategies.front();
  const Limits& limits = first.limits;
  std::string out = fmt::format(
      "N: {}; {}", first.convention.params.empty() ? "as in the fit" : first.convention.params,
      first.convention.compute);
  out += "; loss: " + (first.convention.loss.empty() ? "as in the fit" : first.convention.loss);
  if (limits.inference_tokens > 0) {
    out += fmt::format("; C also serves {} tokens, a third of the training cost each",
                       short_count(limits.inference_tokens));
  }
  if (limits.max_params) out += fmt::format("; N at most {}", short_count(*limits.max_params));
  if (limits.max_tokens) out += fmt::format("; D at most {}", short_count(*limits.max_tokens));
  if (limits.unique_tokens) {
    out += fmt::format("; {} distinct tokens", short_count(*limits.unique_tokens));
  }
  const bool own = any_row(report, [](const AllocationRow& row) {
    return row.nearest && row.nearest->size.flops_per_token;
  });
  return out + (own ? "; ladder sizes at their own FLOPs a token" : "");
}

std::string frontier_text(const AllocationReport& report) {
  std::string out;
  for (const Allocation& strategy : report.strategies) {
    if (!strategy.growth) continue;
    const GrowthEstimate& line = *strategy.growth;
    const auto with_interval = [](const Estimate& e) {
      return e.ci95 ? fmt::format(" [{:.3f}, {:.3f}]", e.ci95->low, e.ci95->high) : std::string();
    };
    out += fmt::format("{}{}N* = {:.4g} C^{:.4f}{}, D* = {:.4g} C^{:.4f}{}{}\n", strategy.strategy,
                       strategy.strategy.empty() ? "" : ": ", line.at_optimum.params_constant,
                       line.at_optimum.params_exponent, with_interval(line.params_exponent),
                       line.at_optimum.tokens_constant, line.at_optimum.tokens_exponent,
                       with_interval(line.tokens_exponent),
                       line.near_flops ? fmt::format(" (near C = {:.4g})", *line.near_flops) : "");
  }
  // Caps bind at some budgets only: with them N* is no power of C.
  const Limits& limits = report.strategies.front().limits;
  if (!out.empty() && (limits.max_params || limits.max_tokens))
    out += "(growth without the caps)\n";
  return out;
}

Table frontier_table(const AllocationReport& report) {
  Table out;
  out.header = {"growth with C", "constant", "exponent", "95%"};
  for (const Allocation& strategy : report.strategies) {
    if (!strategy.growth) continue;
    const GrowthEstimate& line = *strategy.growth;
    const std::string who = (strategy.strategy.empty() ? "" : " " + strategy.strategy) +
                            (line.near_flops ? fmt::format(" near {:.4g}", *line.near_flops) : "");
    out.rows.push_back({"N*" + who, four_digits(line.at_optimum.params_constant),
                        four_decimals(line.at_optimum.params_exponent),
                        interval(line.params_exponent.ci95, four_decimals)});
    out.rows.push_back({"D*" + who, four_digits(line.at_optimum.tokens_constant),
                        four_decimals(line.at_optimum.tokens_exponent),
                        interval(line.tokens_exponent.ci95, four_decimals)});
  }
  return out;
}

Table allocation_table(const AllocationReport& report) {
  Columns columns = {{"C (FLOPs)", [](const Allocation&, const AllocationRow& row) {
                        return four_digits(row.flops);
                      }}};
  if (report.strategies.size() > 1) {
    columns.push_back({"strategy", [](const Allocation& strategy, const AllocationRow&) {
                         return strategy.strategy;
                       }});
  }
  add_estimate(columns, "N*", &AllocationRow::params, short_count);
  add_estimate(columns, "D*", &AllocationRow::tokens, short_count);
  add_estimate(columns, "D*/N*", &AllocationRow::tokens_per_param, three_digits);
  add_estimate(columns, "loss", &AllocationRow::loss, four_decimals);
  add_flat_band(columns, report);
  add_limits(columns, report);
  add_ladder(columns, report);
  return table_of(report, columns);
}

Table saving_table(const AllocationReport& report) {
  Table out;
  out.header = {"C (FLOPs)",   "loss, continued - scratch", "95%", "N",
                "D continued", "D scratch, same loss",      "95%", "transferred D",
                "95%",         "FLOPs saved, same N",       "95%", "C scratch, same loss",
                "95%",         "FLOPs saved, best N",       "95%", "scratch overtakes at D",
                "95%"};
  for (std::size_t i = 0; i < report.savings.size(); ++i) {
    const Transfer& transfer = report.transfers[i];
    const BudgetSaving& saving = report.savings[i];
    const Crossing& crossing = report.crossings[i];
    const bool overtakes = crossing.continued_better_below || !crossing.known;
    std::vector<std::string> row = {four_digits(saving.flops)};
    const auto add = [&](const Estimate& estimate, Format format) {
      row.push_back(value_of(estimate, format));
      row.push_back(interval(estimate.ci95, format));
    };
    add(saving.loss_difference, signed_decimals);
    row.insert(row.end(), {short_count(transfer.params), short_count(transfer.tokens)});
    add(transfer.equal_loss_tokens, short_count);
    add(transfer.transferred_tokens, short_count);
    add(transfer.saved_share, percent);
    add(saving.equal_loss_flops, four_digits);
    add(saving.saved_share, percent);
    row.push_back(overtakes ? value_of(crossing.tokens, short_count) : "never");
    row.push_back(overtakes ? interval(crossing.tokens.ci95, short_count) : "-");
    out.rows.push_back(std::move(row));
  }
  return out;
}

// Most warnings hold for many rows, and a refusal is among those of its strategy: each is said
// once.
std::vector<std::string> warnings(const AllocationReport& report) {
  std::vector<std::string> out;
  std::set<std::string> said;
  const auto say = [&](const std::string& sentence) {
    if (said.insert(sentence).second) out.push_back(sentence);
  };
  for (const Allocation& strategy : report.strategies) {
    const std::string who = strategy.strategy.empty() ? "" : strategy.strategy + ": ";
    if (!strategy.refused.empty()) say(who + "no allocation: " + strategy.refused);
    for (const std::string& each : strategy.warnings) {
      if (each != strategy.refused) say(who + each);
    }
    for (const AllocationRow& row : strategy.rows) {
      for (const std::string& each : row.warnings) say(who + each);
    }
  }
  return out;
}

}  // namespace crosslaw::fit
