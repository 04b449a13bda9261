#include "apps/commands/frontier_methods.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ostream>
#include <stdexcept>

#include "apps/commands/fit_command.h"
#include "fit/write/fit_json.h"
#include "fit/write/frontier_report.h"

namespace crosslaw::apps {
namespace {

void require_method_options(const FitCommandOptions& options) {
  const FrontierMethodOptions& method = options.method;
  if (method.method != "isoflop" && method.method != "envelope") {
    throw std::invalid_argument(
        fmt::format("--method {} is not known; it must be isoflop or envelope", method.method));
  }
  if (!options.data.fit.law.empty()) {
    throw std::invalid_argument(
        fmt::format("--method {} fits no law: leave out --law", method.method));
  }
  if (!options.directory.empty() || options.data.file.path.empty()) {
    throw std::invalid_argument(
        fmt::format("--method {} needs --data FILE (crosslaw export writes a sweep's runs as CSV)",
                    method.method));
  }
}

fit::FrontierOptions frontier_options(const DataFitOptions& data,
                                      const FrontierMethodOptions& method) {
  fit::FrontierOptions out;
  out.flops = method.flops;
  out.draws = data.draws.value_or(out.draws);
  out.seed = data.fit.seed;
  out.threads = data.fit.threads;
  if (!data.file.cluster.empty()) out.resampling = fit::Resampling::kClusters;
  if (!data.resampling.empty()) out.resampling = fit::find_resampling(data.resampling);
  if (out.resampling == fit::Resampling::kClusters && data.file.cluster.empty()) {
    throw std::invalid_argument("--resample clusters needs --cluster, the column naming the run");
  }
  return out;
}

template <typename Fit>
void print(const Fit& fit, const DataOrigin& origin, const FitCommandOptions& options,
           std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.json, options.csv, options.markdown, options.latex);
  const bool text = format == fit::TableFormat::kText;
  if (!format) {
    nlohmann::ordered_json json = fit::to_json(fit);
    json["data"] = to_json(origin);
    out << fit::pretty(json);
  } else {
    if (text) out << fmt::format("{}: {} of {} rows\n", origin.source, origin.used, origin.rows);
    out << fit::render(fit, *format);
  }
  if (text) return;
  for (const std::string& warning : fit.warnings) log << "crosslaw fit: " << warning << "\n";
}

int print_isoflop(const fit::IsoflopFit& fit, const DataOrigin& origin,
                  const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  if (fit.used() > 0) {
    print(fit, origin, options, out, log);
    return 0;
  }
  log << fmt::format("crosslaw fit: {}: no budget has a usable minimum\n", origin.source)
      << fit::describe_left_out(fit);
  return 1;
}

}  // namespace

void add_method_options(CLI::App& command, FrontierMethodOptions& options) {
  command.option_defaults()->group("Without a law");
  command.add_option("--method", options.method,
                     "instead of a law: isoflop (parabolas at equal compute) or envelope (the best "
                     "run at each compute)");
  command
      .add_option("--same-budget", options.same_budget_percent,
                  "of isoflop: a larger step of C, in percent, starts a new budget")
      ->capture_default_str();
  command
      .add_option("--flat", options.flat_percent,
                  "of isoflop: percent of loss that counts as equally good")
      ->capture_default_str();
  command.add_option("--flops", options.flops, "of --method: budgets C to answer, 1e18,1e20")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.option_defaults()->group("Options");
}

int run_frontier_method(const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  require_method_options(options);
  const fit::DataFileOptions& file = options.data.file;
  const fit::FrontierOptions frontier = frontier_options(options.data, options.method);
  const fit::DataFile data = fit::read_data_file(file);
  const DataOrigin origin{file.path,  data.fingerprint, data.rows,   data.points.size(),
                          file.where, file.params,      file.tokens, file.loss};
  if (options.method.method == "envelope") {
    const fit::TrainingEnvelopeOptions envelope{frontier};
    print(about_file(file.path, fit::problems(envelope),
                     [&] { return fit::fit_training_envelope(data.points, envelope); }),
          origin, options, out, log);
    return 0;
  }
  const fit::IsoflopOptions isoflop{frontier, options.method.same_budget_percent / 100,
                                    options.method.flat_percent / 100};
  return print_isoflop(about_file(file.path, fit::problems(isoflop),
                                  [&] { return fit::fit_isoflop(data.points, isoflop); }),
                       origin, options, out, log);
}

}  // namespace crosslaw::apps
