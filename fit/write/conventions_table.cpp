#include "fit/write/conventions_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "fit/write/allocation_table.h"
#include "fit/write/fit_json.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::ordered_json;

std::string coefficient_text(const std::optional<Coefficient>& each) {
  if (!each) return "-";
  if (!each->ci95) return fmt::format("{:.4f}", each->value);
  return fmt::format("{:.4f} [{:.3f}, {:.3f}]", each->value, each->ci95->low, each->ci95->high);
}

Json coefficient_json(const std::optional<Coefficient>& each) {
  if (!each) return nullptr;
  return {{"value", number_or_null(each->value)},
          {"se", number_or_null(each->se)},
          {"ci95", range_or_null(each->ci95)}};
}

bool any(const ConventionReport& report, bool (*is)(const ConventionRow&)) {
  return std::any_of(report.rows.begin(), report.rows.end(), is);
}

bool with_gamma(const ConventionRow& row) { return row.gamma.has_value(); }
bool with_strategy(const ConventionRow& row) { return !row.strategy.empty(); }

}  // namespace

Table convention_table(const ConventionReport& report) {
  const bool gamma = any(report, with_gamma);
  const bool strategy = any(report, with_strategy);
  Table out;
  out.header = {"N", "C"};
  if (strategy) out.header.emplace_back("strategy");
  out.header.insert(out.header.end(), {"alpha", "beta"});
  if (gamma) out.header.emplace_back("gamma");
  out.header.insert(out.header.end(), {"N* exponent", "95%"});
  for (const double flops : report.flops) {
    out.header.push_back(fmt::format("N* at {:.4g}", flops));
    out.header.insert(out.header.end(), {"D*", "D*/N*"});
  }
  for (const ConventionRow& row : report.rows) {
    std::vector<std::string> cells = {row.params, row.compute.empty() ? "-" : row.compute};
    if (strategy) cells.push_back(row.strategy.empty() ? "-" : row.strategy);
    cells.insert(cells.end(), {coefficient_text(row.alpha), coefficient_text(row.beta)});
    if (gamma) cells.push_back(coefficient_text(row.gamma));
    const Estimate& exponent = row.params_exponent;
    cells.push_back(exponent.value ? fmt::format("{:.4f}", *exponent.value) : "-");
    cells.push_back(exponent.ci95
                        ? fmt::format("[{:.3f}, {:.3f}]", exponent.ci95->low, exponent.ci95->high)
                        : "-");
    for (std::size_t b = 0; b < report.flops.size(); ++b) {
      if (b >= row.rows.size()) {
        cells.insert(cells.end(), {"-", "-", "-"});
        continue;
      }
      const AllocationRow& at = row.rows[b];
      cells.insert(cells.end(), {short_count(*at.params.value), short_count(*at.tokens.value),
                                 fmt::format("{:.3g}", *at.tokens_per_param.value)});
    }
    out.rows.push_back(std::move(cells));
  }
  return out;
}

Table convention_csv(const ConventionReport& report) {
  Table out;
  out.header = {"params_convention", "compute_convention", "strategy"};
  const std::vector<std::string> estimates = {
      "alpha", "beta", "gamma", "params_exponent", "params", "tokens", "tokens_per_param"};
  for (const std::string& name : estimates) {
    if (name == "params") out.header.emplace_back("flops");
    for (const char* end : {"", "_low", "_high"}) out.header.push_back(name + end);
  }
  for (const ConventionRow& row : report.rows) {
    for (std::size_t b = 0; b < row.rows.size(); ++b) {
      std::vector<std::string> cells = {row.params, row.compute, row.strategy};
      const auto add = [&](std::optional<double> value, const std::optional<Range>& ci95) {
        cells.push_back(value ? exact(*value) : "");
        cells.push_back(ci95 ? exact(ci95->low) : "");
        cells.push_back(ci95 ? exact(ci95->high) : "");
      };
      for (const auto* each : {&row.alpha, &row.beta, &row.gamma}) {
        *each ? add((*each)->value, (*each)->ci95) : add({}, {});
      }
      add(row.params_exponent.value, row.params_exponent.ci95);
      cells.push_back(exact(report.flops[b]));
      const AllocationRow& at = row.rows[b];
      for (const Estimate* each : {&at.params, &at.tokens, &at.tokens_per_param}) {
        add(each->value, each->ci95);
      }
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

std::string spread_text(const ConventionReport& report) {
  std::string out;
  for (const ConventionSpread& each : report.spread) {
    out += fmt::format(
        "{}{}t C = {:.4g} the conventions move N* by a factor of {:.3g} and D* by {:.3g}\n",
        each.strategy, each.strategy.empty() ? "A" : ": a", each.flops, each.params_factor,
        each.tokens_factor);
  }
  return out;
}

Json to_json(const ConventionReport& report) {
  Json out = {{"schema", 1},
              {"flops", report.flops},
              {"conventions", Json::array()},
              {"spread", Json::array()}};
  for (const ConventionRow& row : report.rows) {
    Json one = {{"params_convention", row.params},
                {"compute_convention", row.compute},
                {"strategy", row.strategy},
                {"refused", row.refused.empty() ? Json(nullptr) : Json(row.refused)},
                {"alpha", coefficient_json(row.alpha)},
                {"beta", coefficient_json(row.beta)},
                {"gamma", coefficient_json(row.gamma)},
                {"params_exponent", estimate_json(row.params_exponent)},
                {"rows", Json::array()}};
    for (const AllocationRow& at : row.rows) {
      one["rows"].push_back({{"flops", at.flops},
                             {"params", estimate_json(at.params)},
                             {"tokens", estimate_json(at.tokens)},
                             {"tokens_per_param", estimate_json(at.tokens_per_param)}});
    }
    out["conventions"].push_back(std::move(one));
  }
  for (const ConventionSpread& each : report.spread) {
    out["spread"].push_back({{"flops", each.flops},
                             {"strategy", each.strategy},
                             {"params_factor", each.params_factor},
                             {"tokens_factor", each.tokens_factor}});
  }
  return out;
}

}  // namespace crosslaw::fit
