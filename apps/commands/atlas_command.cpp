#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/charts/forest_chart.h"
#include "apps/charts/plot_file.h"
#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/output_format.h"
#include "apps/study/atlas.h"
#include "fit/write/evidence_table.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

// What the chart must not be taken for.
const std::vector<std::string> kGammaLimits = {
    "gamma of L = E + A/N^alpha + B/(D^beta N^gamma), 95 % intervals of refits",
    "studies differ in text, recipe, counting of N and range; hollow: not identified",
    "a sign is a finding of these tables, not a rule"};

struct AtlasCommandOptions {
  std::string folder;  // empty: the tables that come with crosslaw
  fit::FitOptions fit = {.draws = 400};
  OutputOptions output;
};

std::string error_of(const AtlasEntry& entry, const char* law) {
  if (!entry.holdout) return "";
  for (const fit::HeldOutLaw& each : entry.holdout->laws) {
    if (each.law == law) return fmt::format("{:.2f}", 100 * each.mean_error);
  }
  return "";
}

std::string interval_of(const fit::Coefficient* gamma) {
  constexpr double kOpen = 2;  // wider than any gamma that was ever measured
  if (gamma == nullptr || !gamma->ci95) return "";
  if (gamma->ci95->high - gamma->ci95->low > kOpen) return "open";
  return fmt::format("[{:+.3f}, {:+.3f}]", gamma->ci95->low, gamma->ci95->high);
}

fit::Table atlas_table(const std::vector<AtlasEntry>& entries) {
  fit::Table out;
  out.header = {"study", "training", "points", "gamma",   "95%",   "known",
                "ext.",  "chin.",    "outer",  "farseer", "N x D", "best law"};
  out.align = "llrrrlrrrrrl";
  for (const AtlasEntry& each : entries) {
    const fit::Coefficient* gamma = each.gamma();
    const char* known = !each.fit ? "-" : each.why_open().empty() ? "yes" : "NO";
    out.rows.push_back(
        {each.table.study, each.table.training, fmt::format("{}", each.points),
         gamma != nullptr ? fmt::format("{:+.3f}", gamma->value) : "", interval_of(gamma), known,
         error_of(each, "extended"), error_of(each, "chinchilla"), error_of(each, "outer"),
         error_of(each, "farseer"), fmt::format("{} x {}", each.sizes, each.token_counts),
         each.holdout ? each.holdout->laws[each.holdout->best].law : ""});
  }
  return out;
}

// Every coefficient and every held-out error, a row each.
fit::Table atlas_csv(const std::vector<AtlasEntry>& entries) {
  fit::Table out;
  out.header = {"study",        "training",   "file",     "points", "sizes",
                "token_counts", "law",        "quantity", "value",  "ci95_low",
                "ci95_high",    "identified", "reason"};
  for (const AtlasEntry& each : entries) {
    const std::vector<std::string> front = {each.table.study,
                                            each.table.training,
                                            each.table.file.path,
                                            fmt::format("{}", each.points),
                                            fmt::format("{}", each.sizes),
                                            fmt::format("{}", each.token_counts)};
    const auto add = [&](const std::vector<std::string>& rest) {
      out.rows.push_back(front);
      out.rows.back().insert(out.rows.back().end(), rest.begin(), rest.end());
    };
    if (!each.fit) add({each.table.law, "", "", "", "", "0", each.refused});
    if (!each.fit) continue;
    for (const fit::Coefficient& c : each.fit->coefficients) {
      add({each.table.law, c.name, fit::exact(c.value), c.ci95 ? fit::exact(c.ci95->low) : "",
           c.ci95 ? fit::exact(c.ci95->high) : "", c.identifiable ? "1" : "0", c.verdict.reason});
    }
    if (!each.holdout) continue;
    for (const fit::HeldOutLaw& law : each.holdout->laws)
      add({law.law, "held-out error", fit::exact(law.mean_error), "", "",
           law.identifiable ? "1" : "0", ""});
  }
  return out;
}

nlohmann::ordered_json atlas_json(const std::vector<AtlasEntry>& entries) {
  nlohmann::ordered_json tables = nlohmann::ordered_json::array();
  for (const AtlasEntry& each : entries) {
    const fit::Coefficient* gamma = each.gamma();
    nlohmann::ordered_json one = {{"study", each.table.study},
                                  {"training", each.table.training},
                                  {"file", each.table.file.path},
                                  {"where", each.table.file.where},
                                  {"licence", each.table.licence},
                                  {"citation", each.table.citation},
                                  {"note", each.table.note},
                                  {"notes", each.notes},
                                  {"warnings", each.warnings},
                                  {"points", each.points},
                                  {"sizes", each.sizes},
                                  {"token_counts", each.token_counts},
                                  {"identified", each.fit && each.why_open().empty()},
                                  {"why_not", each.why_open()}};
    one["gamma"] = gamma == nullptr
                       ? nlohmann::ordered_json(nullptr)
                       : nlohmann::ordered_json{{"value", fit::number_or_null(gamma->value)},
                                                {"ci95", fit::range_or_null(gamma->ci95)},
                                                {"known", gamma->identifiable}};
    one["fit"] = each.fit ? fit::to_json(*each.fit, false) : nlohmann::ordered_json(nullptr);
    nlohmann::ordered_json errors = nlohmann::ordered_json::object();
    if (each.holdout) {
      for (const fit::HeldOutLaw& law : each.holdout->laws)
        errors[law.law] = fit::number_or_null(law.mean_error);
    }
    one["held_out"] = {{"rule", each.table.holdout},
                       {"errors", errors},
                       {"verdict", each.holdout ? each.holdout->verdict : each.no_holdout}};
    tables.push_back(std::move(one));
  }
  return {{"schema", 1}, {"tables", std::move(tables)}};
}

// Signs by training, of the tables whose gamma is known.
std::string count_signs(const std::vector<AtlasEntry>& entries) {
  std::vector<std::string> kinds;
  for (const AtlasEntry& each : entries) {
    const bool there = std::find(kinds.begin(), kinds.end(), each.table.training) != kinds.end();
    if (each.gamma() != nullptr && !there) kinds.push_back(each.table.training);
  }
  std::string out;
  for (const std::string& kind : kinds) {
    int below = 0, above = 0, open = 0;
    for (const AtlasEntry& each : entries) {
      const fit::Coefficient* gamma = each.gamma();
      if (gamma == nullptr || each.table.training != kind) continue;
      const bool known = gamma->identifiable && gamma->ci95 && each.fit->confounded.empty();
      if (known && gamma->ci95->high < 0) {
        ++below;
      } else if (known && gamma->ci95->low > 0) {
        ++above;
      } else {
        ++open;
      }
    }
    out += fmt::format("{}: gamma below 0 in {}, above 0 in {}, open in {}\n",
                       kind.empty() ? "all" : kind, below, above, open);
  }
  return out;
}

// By the entries, each of which may name its law and what it holds out.
std::string heading_of(const std::vector<AtlasEntry>& entries) {
  const AtlasTable usual;
  const auto all = [&](std::string AtlasTable::*field) {
    return std::all_of(entries.begin(), entries.end(),
                       [&](const AtlasEntry& each) { return each.table.*field == usual.*field; });
  };
  return fmt::format(
      "the {} refitted to every table; held-out errors in %, of the largest models{}",
      all(&AtlasTable::law) ? "extended law" : "extended law, or that of the entry,",
      all(&AtlasTable::holdout) ? "" : " or what the entry holds out");
}

void print_atlas(const std::vector<AtlasEntry>& entries, const OutputOptions& output,
                 std::ostream& out) {
  const auto format = output_format(output);
  if (!format) {
    out << fit::pretty(atlas_json(entries));
    return;
  }
  if (!is_text(*format)) {
    out << fit::render(format == fit::TableFormat::kCsv ? atlas_csv(entries) : atlas_table(entries),
                       *format);
    return;
  }
  out << fit::wrapped(heading_of(entries)) << "\n\n"
      << fit::render(atlas_table(entries), *format) << "\n";
  for (const AtlasEntry& each : entries) {
    const auto say = [&](const std::string& sentence) {
      out << fit::wrapped(each.table.study + ": " + sentence, 100, 2) << "\n";
    };
    for (const std::string& warning : each.warnings) say("warning: " + warning);
    // Of a table that no law of N and D fits its note says more than the reader of the file.
    const std::string why = each.fit || each.table.note.empty() ? each.why_open() : std::string();
    if (!why.empty()) say(why);
    if (!each.table.note.empty()) say(each.table.note);
    if (!each.no_holdout.empty() && each.fit->confounded.empty())
      say(fmt::format("held-out test {}: {}", each.table.holdout, each.no_holdout));
  }
  out << "\n" << count_signs(entries);
}

void plot_atlas(const std::vector<AtlasEntry>& entries, const std::string& file) {
  std::vector<charts::ForestRow> rows;
  for (const AtlasEntry& each : entries) {
    const fit::Coefficient* gamma = each.gamma();
    if (gamma == nullptr) continue;
    rows.push_back({each.table.study, each.table.training, gamma->value, gamma->ci95,
                    gamma->identifiable && each.fit->confounded.empty()});
  }
  charts::Document document;
  document.heading.title = "Size in the data term: gamma";
  document.heading.lines = kGammaLimits;
  document.panels = {charts::forest_panel("gamma by study", "gamma",
                                          fmt::format("{}", fmt::join(kGammaLimits, "; ")), rows)};
  charts::write_plot(file, document);
}

int run_atlas(const AtlasCommandOptions& options, std::ostream& out, std::ostream& log) {
  output_format(options.output);
  require_plot(options.output.plot);
  if (const auto wrong = fit::problems(options.fit); !wrong.empty()) {
    throw std::invalid_argument(wrong.front());
  }
  const std::vector<AtlasTable> tables =
      read_atlas(options.folder.empty() ? bundled_atlas() : options.folder);
  std::vector<AtlasEntry> entries;
  for (const AtlasTable& each : tables) entries.push_back(refit(each, options.fit));
  print_atlas(entries, options.output, out);
  if (!options.output.plot.empty()) {
    plot_atlas(entries, options.output.plot);
    log << fmt::format("crosslaw atlas: chart in {}\n", options.output.plot);
  }
  const bool any = std::any_of(entries.begin(), entries.end(),
                               [](const AtlasEntry& each) { return each.fit.has_value(); });
  return any ? 0 : 1;
}

}  // namespace

void add_atlas_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "atlas", "Refits published tables: gamma of every study, its interval, held-out errors");
  auto options = std::make_shared<AtlasCommandOptions>();
  command->add_option("folder", options->folder,
                      "tables with an index atlas.json, or without one [those of crosslaw]");
  read_as_number(
      command->add_option("--bootstrap", options->fit.draws, "refits for intervals; 0: none"))
      ->type_name("R")
      ->capture_default_str();
  command->add_option("--seed", options->fit.seed, "of starts and resamples")
      ->capture_default_str();
  command->add_option("--threads", options->fit.threads, "0: one a core; changes no result")
      ->capture_default_str();
  add_output_options(*command, options->output);
  command->footer(
      "Columns: gamma with its 95 % interval; known: every coefficient of the law is; ext., chin., "
      "outer,\n"
      "farseer: mean error in % of the held-out largest models; N x D: distinct sizes and token "
      "counts.");
  command->callback(
      [options, &exit_code] { exit_code = run_atlas(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
