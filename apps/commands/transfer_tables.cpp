#include "apps/commands/transfer_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "fit/write/csv_row.h"

namespace crosslaw::apps {
namespace {

// What is infinite (never repaid, no such tokens) is an empty cell.
std::optional<double> if_finite(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string percent(const fit::Estimate& share) {
  return share.value ? fmt::format("{:.1f}%", 100 * *share.value) : "-";
}
std::string percent_interval(const fit::Estimate& share) {
  if (!share.ci95) return "-";
  return fmt::format("[{:.1f}, {:.1f}]", 100 * share.ci95->low, 100 * share.ci95->high);
}

// Counts may be below zero here: more tokens than from scratch.
std::string signed_count(double value) {
  return value < 0 ? "-" + fit::short_count(-value) : fit::short_count(value);
}
std::string tokens(const fit::Estimate& estimate) {
  return estimate.value && std::isfinite(*estimate.value) ? signed_count(*estimate.value) : "-";
}
std::string tokens_interval(const fit::Estimate& estimate) {
  if (!estimate.ci95) return "-";
  return fmt::format("[{}, {}]", signed_count(estimate.ci95->low),
                     signed_count(estimate.ci95->high));
}

// From how many languages on the source has paid for itself: one over the share repaid by each.
std::string languages(const TransferRow& row) {
  const std::optional<TransferSide>& side = row.law ? row.law : row.measured;
  if (!side || !side->repaid_share || !side->repaid_share->value) return "-";
  const fit::Estimate& share = *side->repaid_share;
  if (!(*share.value > 0)) return "never";
  std::string out = fmt::format("{:.1f}", std::max(1.0, 1 / *share.value));
  if (!share.ci95 || !(share.ci95->high > 0)) return out;
  const std::string most =
      share.ci95->low > 0 ? fmt::format("{:.1f}", std::max(1.0, 1 / share.ci95->low)) : "never";
  return out + fmt::format(" [{:.1f}, {}]", std::max(1.0, 1 / share.ci95->high), most);
}

std::set<double> some_sizes(const TransferFindings& findings, std::size_t most) {
  std::set<double> all;
  for (const TransferRow& row : findings.rows) all.insert(row.params);
  if (all.size() <= most) return all;
  const std::vector<double> sorted(all.begin(), all.end());
  std::set<double> out;
  for (std::size_t i = 0; i < most; ++i)
    out.insert(sorted[i * (sorted.size() - 1) / std::max<std::size_t>(1, most - 1)]);
  return out;
}

}  // namespace

fit::Table transfer_csv(const TransferFindings& findings) {
  fit::Table table;
  for (const TransferRow& row : findings.rows) {
    fit::CsvRow cells(table, "_ci95");
    cells.add("run", row.run);
    cells.add("params", row.params);
    cells.add("tokens", row.tokens);
    cells.add("tokens_per_param", row.tokens_per_param);
    cells.add("loss", row.loss);
    cells.add("source_tokens", if_finite(row.source_tokens));
    cells.add("extrapolated", row.extrapolated ? "1" : "0");
    cells.add("verdict", name_of(row.saving));
    const auto add = [&](const std::string& name, fit::Estimate estimate) {
      estimate.value = if_finite(estimate.value);
      cells.add(name, estimate);
    };
    const auto add_side = [&](const std::string& name, const std::optional<TransferSide>& side) {
      const TransferSide at = side.value_or(TransferSide{});
      add(name + "_saved_share", at.saved_share);
      add(name + "_transferred_tokens", at.transferred_tokens);
      add(name + "_repaid_share", at.repaid_share.value_or(fit::Estimate{}));
    };
    add_side("measured", row.measured);
    add_side("law", row.law);
    cells.finish();
  }
  return table;
}

fit::Table budget_table(const TransferFindings& findings) {
  fit::Table table;
  table.header = {"D/N",        "sizes", "saved, measured", "95%",
                  "saved, law", "95%",   "continuing",      "extrapolated"};
  table.align = "rrrrrrlr";
  for (const TransferBudget& each : findings.budgets) {
    table.rows.push_back(
        {fmt::format("{:.3g}", each.tokens_per_param), fmt::format("{}", each.sizes),
         percent(each.measured), percent_interval(each.measured), percent(each.law),
         percent_interval(each.law), name_of(each.saving), fmt::format("{}", each.extrapolated)});
  }
  return table;
}

fit::Table run_table(const TransferFindings& findings, std::size_t most_sizes) {
  fit::Table table;
  table.header = {"N",
                  "D",
                  "saved, measured",
                  "95%",
                  "saved, law",
                  "95%",
                  "continuing",
                  "transferred, law",
                  "95%",
                  "languages",
                  "transferred, measured",
                  "95%",
                  "run"};
  table.align = "rrrrrrlrrlrrl";
  const std::set<double> sizes = some_sizes(findings, most_sizes);
  for (const TransferRow& row : findings.rows) {
    if (!sizes.contains(row.params)) continue;
    const TransferSide measured = row.measured.value_or(TransferSide{});
    const TransferSide law = row.law.value_or(TransferSide{});
    table.rows.push_back({fit::short_count(row.params), fit::short_count(row.tokens),
                          percent(measured.saved_share) + (row.extrapolated ? "*" : ""),
                          percent_interval(measured.saved_share), percent(law.saved_share),
                          percent_interval(law.saved_share), name_of(row.saving),
                          tokens(law.transferred_tokens), tokens_interval(law.transferred_tokens),
                          languages(row), tokens(measured.transferred_tokens),
                          tokens_interval(measured.transferred_tokens), row.run});
  }
  return table;
}

fit::Table crossing_table(const TransferFindings& findings, std::size_t most_sizes) {
  fit::Table table;
  table.header = {"N", "equal at D, measured", "95%", "equal at D, law", "95%", "better below"};
  table.align = "rrrrrl";
  const std::set<double> sizes = some_sizes(findings, most_sizes);
  for (const TransferCrossing& each : findings.crossings) {
    if (!sizes.contains(each.params)) continue;
    table.rows.push_back(
        {fit::short_count(each.params), tokens(each.measured), tokens_interval(each.measured),
         tokens(each.law), tokens_interval(each.law),
         each.law.value ? each.continued_better_below ? "continued" : "scratch" : "-"});
  }
  return table;
}

fit::Table frontier_saving_table(const TransferFindings& findings) {
  fit::Table table;
  table.header = {"C (FLOPs)", "saved, measured",           "95%", "saved, law",
                  "95%",       "loss, continued - scratch", "95%"};
  for (const FrontierSaving& each : findings.frontier) {
    const fit::Estimate& loss = each.loss_difference;
    table.rows.push_back(
        {fmt::format("{:.3g}", each.flops), percent(each.measured), percent_interval(each.measured),
         percent(each.law), percent_interval(each.law),
         loss.value ? fmt::format("{:+.4f}", *loss.value) : "-",
         loss.ci95 ? fmt::format("[{:+.4f}, {:+.4f}]", loss.ci95->low, loss.ci95->high) : "-"});
  }
  return table;
}

std::string growth_text(const TransferFindings& findings) {
  const auto exponent = [](const fit::Estimate& e) {
    std::string out = fmt::format("{:.2f}", *e.value);
    if (e.ci95) out += fmt::format(" [{:.2f}, {:.2f}]", e.ci95->low, e.ci95->high);
    return out;
  };
  std::string out;
  const auto add = [&](const std::optional<fit::TransferGrowth>& growth, const char* how) {
    if (!growth) return;
    out += fmt::format(
        "{}D^{} N^{} ({}, {} points)", out.empty() ? "transferred data grow as " : "; ",
        exponent(growth->tokens_exponent), exponent(growth->params_exponent), how, growth->points);
  };
  add(findings.measured_growth, "measured");
  add(findings.law_growth, "law");
  return out;
}

}  // namespace crosslaw::apps
