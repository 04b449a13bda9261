#include "apps/commands/coeffs_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands/commands.h"
#include "apps/study/reported_fits.h"
#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_folder.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

struct CoeffsOptions {
  std::string folder;
  bool json = false;
  bool csv = false;
};

fit::Table csv_table(const std::vector<PairFits>& all) {
  fit::Table table;
  table.header = {"language",
                  "fit",
                  "law",
                  "coefficient",
                  "value",
                  "se",
                  "ci95_low",
                  "ci95_high",
                  "frozen",
                  "identifiable",
                  "chosen",
                  "params_convention",
                  "compute_convention",
                  "loss_convention"};
  for (const PairFits& pair : all) {
    for (const NamedFit& named : pair.fits) {
      for (const fit::Coefficient& c : named.fit.coefficients) {
        table.rows.push_back(
            {pair.pair.label(), named.name, std::string(named.fit.law->name), c.name,
             fit::exact(c.value), c.se ? fit::exact(*c.se) : "",
             c.ci95 ? fit::exact(c.ci95->low) : "", c.ci95 ? fit::exact(c.ci95->high) : "",
             is_held(named.fit, c) ? "1" : "0", c.identifiable ? "1" : "0",
             named.name == pair.choice.name ? "1" : "0", named.fit.convention.params,
             named.fit.convention.compute, named.fit.convention.loss});
      }
    }
  }
  return table;
}

nlohmann::ordered_json json_of(const std::vector<PairFits>& all, bool current) {
  nlohmann::ordered_json fits = nlohmann::ordered_json::array();
  for (const PairFits& pair : all) {
    for (const NamedFit& named : pair.fits) {
      nlohmann::ordered_json j = fit::to_json(named.fit, false);
      for (const fit::Coefficient& c : named.fit.coefficients) {
        if (is_held(named.fit, c)) j["coefficients"][c.name]["frozen"] = true;
      }
      j["language"] = pair.pair.language;
      j["source_language"] = pair.pair.source_language.empty()
                                 ? nlohmann::ordered_json(nullptr)
                                 : nlohmann::ordered_json(pair.pair.source_language);
      j["replay"] = pair.pair.replay;
      j["name"] = named.name;
      j["chosen"] = named.name == pair.choice.name;
      if (named.name == pair.choice.name) j["why_chosen"] = pair.choice.reason;
      fits.push_back(j);
    }
  }
  return {{"schema", 1}, {"current", current}, {"fits", fits}};
}

int run_coeffs(const CoeffsOptions& options) {
  if (options.json && options.csv)
    throw std::invalid_argument("--json and --csv exclude each other");
  db::RunStore store = read_store(options.folder);
  Observations observations(store, ParamsCount::kAll);
  std::vector<PairFits> all = stored_fits(store, observations);
  bool any = false;
  for (const PairFits& pair : all) any = any || !pair.fits.empty();
  if (!any)
    throw std::runtime_error(
        fmt::format("{}: no fit is stored yet; crosslaw run stores them when its runs are done, "
                    "crosslaw fit {} now",
                    options.folder, options.folder));
  bool current = fits_are_current(store, observations);
  if (!current)
    fmt::print(stderr,
               "the runs have gone on since these fits were stored; crosslaw fit {} fits what is "
               "there now\n",
               options.folder);
  if (options.json) {
    fmt::print("{}\n", json_of(all, current).dump());
  } else if (options.csv) {
    fmt::print("{}", fit::render(csv_table(all), fit::TableFormat::kCsv));
  } else {
    fmt::print("{}", describe_coefficients(all));
  }
  return 0;
}

}  // namespace

std::string describe_coefficients(const std::vector<PairFits>& all) {
  fit::Table table;
  std::string convention;
  table.header = {"language", "fit", "coefficient", "value", "95 % interval", ""};
  table.align = "lllrrl";
  std::string notes;
  for (const PairFits& pair : all) {
    for (const NamedFit& named : pair.fits) {
      // Fits of a sweep count alike.
      convention = fit::convention_note(named.fit.convention, fit::TableFormat::kText);
      for (const fit::Coefficient& c : named.fit.coefficients) {
        table.rows.push_back(
            {pair.pair.label(), named.name, c.name, fmt::format("{:.6g}", c.value),
             c.ci95 ? fmt::format("[{:.4g}, {:.4g}]", c.ci95->low, c.ci95->high) : "",
             is_held(named.fit, c) ? "from the scratch fit"
             : c.identifiable      ? ""
                                   : "NOT IDENTIFIABLE"});
        if (c.identifiable) continue;
        notes += fit::wrapped(fmt::format("{}, {}: {} is not identifiable: {}", pair.pair.label(),
                                          named.name, c.name, c.verdict.reason)) +
                 "\n";
      }
    }
    if (!pair.choice.name.empty())
      notes += fmt::format("{}: answers go by {} ({})\n", pair.pair.label(), pair.choice.name,
                           pair.choice.reason);
  }
  return fit::render(table, fit::TableFormat::kWideText) + convention + notes;
}

void add_coeffs_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CoeffsOptions>();
  CLI::App* command =
      app.add_subcommand("coeffs", "The fitted coefficients of a sweep, with intervals");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_flag("--json", options->json, "One JSON object with exact numbers");
  command->add_flag("--csv", options->csv, "CSV with exact numbers");
  command->callback([options, &exit_code] { exit_code = run_coeffs(*options); });
}

}  // namespace crosslaw::apps
