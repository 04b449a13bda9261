#include "apps/commands/transfer_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

#include "apps/commands/command_line_errors.h"
#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/transfer_tables.h"
#include "apps/commands/unread_columns.h"
#include "apps/study/base_comparison.h"
#include "apps/study/kinds_of_runs.h"
#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_folder.h"
#include "apps/study/sweep_transfers.h"
#include "apps/study/transfer_json.h"
#include "db/files/printable.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

// What there is to say: of every language, and of the checkpoints that were continued from.
struct TransferAnswers {
  std::vector<PairTransfer> languages;
  std::vector<BaseComparison> bases;
};

TransferAnswers transfers_of_sweep(const TransferCommandOptions& options, std::ostream& log) {
  const std::string& folder = options.source.directory;
  const db::RunStore store = read_store(folder);
  const Observations observations(store, ParamsCount::kAll);
  const std::vector<PairFits> fits = stored_fits(store, observations);
  if (!fits_are_current(store, observations)) {
    log << fmt::format(
        "crosslaw transfer: the runs have gone on since the fits were stored, or none is; crosslaw "
        "fit {} fits what is there now\n",
        folder);
  }
  return {sweep_transfers(observations, fits), base_comparisons(observations)};
}

PairTransfer transfer_of_kind(const TransferCommandOptions& options, KindOfRuns kind,
                              std::ostream& log) {
  for (const std::string& each : repeats_by_column(kind.data))
    log << db::printable(
        fmt::format("crosslaw: warning: {}: {}\n", options.source.file.path, each));
  const FittingOptions& fitting = options.fitting;
  const SourcedFit found = fit_dataset(fitting, std::move(kind.data));
  // Shares of replay are kinds of runs here, whatever the laws read.
  fit::DataFileOptions read = found.data.data.used;
  read.ratio.clear(), read.replay.clear();
  refuse_unread_columns(found.fit, read);
  PairTransfer out;
  out.kind = kind.label;
  out.fit = law_name(found.fit);
  out.convention = found.data.convention;
  out.doubt = doubt_of(found.fit);
  SizeFacts sizes;
  if (options.source_tokens_per_param) {
    for (const fit::Point& p : found.data.data.points)
      sizes.source_tokens[p.params] = *options.source_tokens_per_param * p.params;
  }
  fit::FitOptions settings =
      fit_settings(fitting, found.data.data.used, found.data.data.points.size());
  out.contrast = law_contrast(found.data, settings);
  out.findings = transfer_findings(found.data, &found.fit, sizes);
  return out;
}

std::vector<PairTransfer> transfers_of_file(const TransferCommandOptions& options,
                                            std::ostream& log) {
  const std::string& law = options.fitting.fit.law;
  if (!law.empty() && law != fit::kTwoStageLaw && law != "joint") {
    throw std::invalid_argument(fmt::format(
        "--law {}: transfer compares two strategies; it must be two-stage or joint", law));
  }
  fit::DataFileOptions file = options.source.file;
  if (file.stage.empty()) file.stage = "stage";  // as crosslaw export calls it
  check_fitting(options.fitting, file);
  std::vector<std::string> left_out;
  std::vector<KindOfRuns> kinds = kinds_of_runs(read_file(file, log), left_out);
  if (kinds.size() == 1 && left_out.empty())
    return {transfer_of_kind(options, std::move(kinds.front()), log)};
  std::vector<PairTransfer> out;
  for (KindOfRuns& kind : kinds) {
    const std::string label = kind.label;
    try {
      out.push_back(transfer_of_kind(options, std::move(kind), log));
    } catch (const std::runtime_error& error) {  // too few runs of this kind
      left_out.push_back(fmt::format("{}: {}", label, error.what()));
    }
  }
  for (const std::string& each : left_out)
    log << db::printable(fmt::format("crosslaw transfer: {}\n", each));
  return out;
}

nlohmann::ordered_json json_of(const PairTransfer& each) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
  };
  nlohmann::ordered_json out = {{"kind", or_null(each.kind)},
                                {"language", or_null(each.pair.language)},
                                {"source_language", or_null(each.pair.source_language)},
                                {"replay", each.pair.replay},
                                {"fit", or_null(each.fit)},
                                {"why_this_fit", or_null(each.reason)},
                                {"doubt", or_null(each.doubt)},
                                {"convention", fit::to_json(each.convention)}};
  out.update(to_json(each.findings));
  out["contrast"] = each.contrast ? to_json(*each.contrast) : nlohmann::ordered_json(nullptr);
  return out;
}

fit::Table csv_of(const std::vector<PairTransfer>& all) {
  std::vector<fit::TablePart> parts;
  for (const PairTransfer& each : all) {
    parts.push_back({{each.kind.empty() ? each.pair.label() : each.kind, each.fit, each.fit,
                      each.pair.source_language},
                     fit::with_convention(transfer_csv(each.findings), each.convention)});
  }
  return fit::stacked({"language", "fit", "law", "source_language"}, parts);
}

void print_text(const PairTransfer& each, const TransferCommandOptions& options,
                fit::TableFormat format, std::ostream& out) {
  const TransferFindings& found = each.findings;
  // A file has kinds instead.
  if (!each.pair.language.empty()) {
    out << fit::wrapped(fmt::format(
               "{} continued from {}{}", each.pair.label(), each.pair.source_language,
               each.fit.empty() ? "; no fit of both strategies"
                                : fmt::format("; laws: {} ({})", each.fit, each.reason)))
        << "\n\n";
  }
  if (!each.kind.empty()) out << fit::wrapped(each.kind + ", compared on its own") << "\n\n";
  out << fit::convention_note(each.convention, format);
  out << fit::wrapped(describe(found)) << "\n";
  if (!each.doubt.empty())
    out << fit::wrapped(fmt::format(
               "note: the laws' side goes by a fit that is not identifiable: {}", each.doubt))
        << "\n";
  if (!found.no_crossing.empty()) {
    const bool said = each.doubt.find(found.no_crossing) != std::string::npos;
    out << fit::wrapped(
               fmt::format("note: the laws give no crossings and no savings between frontiers: {}",
                           said ? "those lie beside these runs" : found.no_crossing))
        << "\n";
  }
  if (const std::string growth = growth_text(found); !growth.empty())
    out << fit::wrapped(growth) << "\n";
  if (each.contrast) {
    if (const std::string gamma = describe(*each.contrast); !gamma.empty())
      out << fit::wrapped(gamma) << "\n";
    for (const std::string& problem : each.contrast->problems)
      out << fit::wrapped("note: " + problem) << "\n";
  }
  out << (found.noise.sd > 0
              ? fmt::format("scatter of one run: {:.2f} % of its loss, from {}\n\n",
                            100 * found.noise.sd, found.noise.from)
              : std::string("the scatter of one run is not known: no measured intervals\n\n"));
  out << fit::render({budget_table(found), run_table(found, options.sizes),
                      frontier_saving_table(found), crossing_table(found, options.sizes)},
                     format);
}

void print(const TransferAnswers& answers, const TransferCommandOptions& options,
           std::ostream& out) {
  const std::vector<PairTransfer>& all = answers.languages;
  const auto format = output_format(options.output);
  if (!format) {
    nlohmann::ordered_json languages = nlohmann::ordered_json::array();
    for (const PairTransfer& each : all) languages.push_back(json_of(each));
    out << fit::pretty(
        {{"schema", 1}, {"languages", std::move(languages)}, {"bases", to_json(answers.bases)}});
  } else if (format == fit::TableFormat::kCsv) {
    out << fit::render(csv_of(all), *format);
  } else {
    for (const PairTransfer& each : all) {
      if (&each != &all.front()) out << "\n";
      print_text(each, options, *format, out);
    }
    for (const BaseComparison& each : answers.bases)
      out << "\n" << fit::wrapped(describe(each)) << "\n";
  }
}

void refuse_idle_transfer_flags(const CLI::App& command, const TransferCommandOptions& options) {
  const bool file = !options.source.file.path.empty();
  constexpr const char* kFile = "--data FILE; a sweep's stored fits are taken as they are";
  refuse_idle_flags(command, {{"--law", file, kFile},
                              {"--huber-delta", file, kFile},
                              {"--starts", file, kFile},
                              {"--bootstrap", file, kFile},
                              {"--resample", file, kFile},
                              {"--seed", file, kFile},
                              {"--threads", file, kFile},
                              {"--source-tokens-per-param", file,
                               "--data FILE; a sweep knows what its source models had seen"}});
}

}  // namespace

int run_transfer(const TransferCommandOptions& options, std::ostream& out, std::ostream& log) {
  output_format(options.output);
  check_data_source(options.source);
  TransferAnswers all;
  if (options.source.directory.empty()) {
    all.languages = transfers_of_file(options, log);
  } else {
    all = transfers_of_sweep(options, log);
  }
  if (all.languages.empty()) {
    log << fmt::format(
        "crosslaw transfer: {}: no language has finished runs both from scratch and continued\n",
        options.source.directory.empty() ? options.source.file.path : options.source.directory);
    return 1;
  }
  print(all, options, out);
  return 0;
}

void add_transfer_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "transfer", "What continuing from another language was worth, with intervals");
  auto options = std::make_shared<TransferCommandOptions>();
  command->add_option("dir", options->source.directory,
                      "a sweep's folder, or a file with a column of stages, as --data");
  add_file_options(*command, options->source.file);
  add_fitting_options(*command, options->fitting);
  read_as_number(
      command->add_option("--source-tokens-per-param", options->source_tokens_per_param,
                          "of a file: tokens a parameter that the source models had seen"))
      ->type_name("X");
  read_as_number(command->add_option("--sizes", options->sizes, "sizes shown run by run in tables"))
      ->capture_default_str();
  add_table_options(*command, options->output);
  command->footer(
      "Columns:\n"
      "  saved              share of tokens and FLOPs that continuing saves at equal size and "
      "loss\n"
      "  measured           from the losses alone, by monotone curves; * beyond those from "
      "scratch\n"
      "  law                from the fitted laws; both with 95 % intervals\n"
      "  continuing         saves or costs where all intervals agree, else cannot tell\n"
      "  transferred        tokens from scratch for the same loss, less those of the continued "
      "run\n"
      "  languages          that must continue from one source model until it has paid for itself\n"
      "  equal at D         where both strategies have the same loss");
  command->callback([options, command, &exit_code] {
    take_positional_file(options->source);
    refuse_idle_transfer_flags(*command, *options);
    exit_code = run_transfer(*options, std::cout, std::cerr);
  });
}

}  // namespace crosslaw::apps
