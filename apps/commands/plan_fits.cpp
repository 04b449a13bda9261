#include "apps/commands/plan_fits.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "fit/write/table.h"
#include "sweep/plan/gpu_fits.h"

namespace crosslaw::apps {
namespace {

constexpr double kGb = 1e9;

// One row a size; a pair of columns for each kind of machine.
fit::Table table_of_sizes(const std::vector<sweep::GpuFit>& fits, size_t machines) {
  fit::Table table;
  table.header = {"size", "params"};
  for (size_t i = 0; i < machines && i < fits.size(); ++i)
    table.header.push_back(fmt::format("{} x {:g} GB", fits[i].gpus, fits[i].card_gb));
  for (size_t first = 0; first < fits.size(); first += machines) {
    std::vector<std::string> row = {fits[first].size,
                                    fit::short_count(static_cast<double>(fits[first].params))};
    for (size_t i = first; i < first + machines; ++i) {
      const std::string bytes = fmt::format("{:.1f} GB", fits[i].use.total() / kGb);
      row.push_back(fits[i].micro_batch_sequences
                        ? fmt::format("{} seq, {}", *fits[i].micro_batch_sequences, bytes)
                        : fmt::format("no: {}", bytes));
    }
    table.rows.push_back(row);
  }
  return table;
}

// Bytes of one GPU by kind, in the order of MemoryUse.
std::vector<std::pair<const char*, double>> kinds_of(const trainer::MemoryUse& use) {
  return {{"weights", use.weights},
          {"gradients", use.gradients},
          {"master", use.master},
          {"moments", use.moments},
          {"layers", use.layers},
          {"passing", use.passing},
          {"attention", use.attention},
          {"logits", use.logits},
          {"weight_gradients", use.weight_gradients},
          {"libraries", use.libraries},
          {"total", use.total()}};
}

fit::Table csv_of_fits(const std::vector<sweep::GpuFit>& fits) {
  fit::Table table;
  table.header = {"size", "params", "gpus", "card_gb", "micro_batch_sequences"};
  for (const auto& [kind, bytes] : kinds_of({}))
    table.header.push_back(std::string(kind) + "_bytes");
  for (const sweep::GpuFit& fit : fits) {
    const auto& found = fit.micro_batch_sequences;
    std::vector<std::string> row = {fit.size, std::to_string(fit.params), std::to_string(fit.gpus),
                                    fmt::format("{:.17g}", fit.card_gb),
                                    found ? std::to_string(*found) : ""};
    for (const auto& [kind, bytes] : kinds_of(fit.use))
      row.push_back(fmt::format("{:.17g}", bytes));
    table.rows.push_back(row);
  }
  return table;
}

nlohmann::json json_of_fits(const std::vector<sweep::GpuFit>& fits) {
  nlohmann::json rows = nlohmann::json::array();
  for (const sweep::GpuFit& fit : fits) {
    nlohmann::json bytes;
    for (const auto& [kind, value] : kinds_of(fit.use)) bytes[kind] = value;
    nlohmann::json row = {{"size", fit.size},
                          {"params", fit.params},
                          {"gpus", fit.gpus},
                          {"card_gb", fit.card_gb},
                          {"bytes", bytes}};
    row["micro_batch_sequences"] = fit.micro_batch_sequences
                                       ? nlohmann::json(*fit.micro_batch_sequences)
                                       : nlohmann::json(nullptr);
    rows.push_back(row);
  }
  return {{"schema", 1}, {"fits", rows}};
}

}  // namespace

void require_fits_options(const FitsOptions& options) {
  if (!options.wanted) {
    if (options.csv) throw std::invalid_argument("--csv goes with --fits");
    return;
  }
  if (options.json && options.csv)
    throw std::invalid_argument("--json and --csv exclude each other");
  for (const double gpus : options.gpus) {
    if (!(gpus >= 1 && gpus <= 1e6 && gpus == std::floor(gpus)))
      throw std::invalid_argument(
          fmt::format("--gpus {}: must be a whole number in [1, 1e6]", gpus));
  }
  for (const double gb : options.card_gb) {
    if (!(gb > 0) || gb > 1e6)
      throw std::invalid_argument(fmt::format("--card-gb {}: must be in (0, 1e6]", gb));
  }
}

void print_fits(const sweep::Plan& plan, const FitsOptions& options) {
  const auto fits =
      sweep::gpu_fits(plan, {options.gpus.begin(), options.gpus.end()}, options.card_gb);
  if (options.json) {
    fmt::print("{}\n", json_of_fits(fits).dump());
  } else if (options.csv) {
    fmt::print("{}", fit::render(csv_of_fits(fits), fit::TableFormat::kCsv));
  } else {
    fmt::print("{}", fit::render(table_of_sizes(fits, options.gpus.size() * options.card_gb.size()),
                                 fit::TableFormat::kText));
    fmt::print(
        "\nSequences of the largest micro-batch and bytes on each GPU, by the memory model; "
        "\"no\": not\neven one sequence fits. GPUs of one run share master copy and moments "
        "(ZeRO-1).\n");
  }
}

}  // namespace crosslaw::apps
