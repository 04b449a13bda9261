#include "apps/commands/frontier_methods.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "apps/commands/command_line_lists.h"
#include "fit/data/closest_name.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"
#include "fit/write/frontier_report.h"

namespace crosslaw::apps {
namespace {

void require_method_options(const FrontierMethodOptions& method, const FittingOptions& fitting) {
  if (method.method != "isoflop" && method.method != "envelope") {
    throw std::invalid_argument(
        fmt::format("--method {} is not known{}; it must be isoflop or envelope", method.method,
                    fit::did_you_mean(method.method, {"isoflop", "envelope"})));
  }
  if (!fitting.fit.law.empty()) {
    throw std::invalid_argument(
        fmt::format("--method {} fits no law: leave out --law", method.method));
  }
}

fit::FrontierOptions frontier_options(const FrontierMethodOptions& method,
                                      const DataSourceOptions& source,
                                      const FittingOptions& fitting) {
  fit::FrontierOptions out;
  out.flops = method.flops;
  out.draws = fitting.draws.value_or(out.draws);
  out.seed = fitting.fit.seed;
  out.threads = fitting.fit.threads;
  if (source.directory.empty()) {
    const fit::Resampling wanted = resampling_of(fitting, source.file);
    if (wanted != fit::Resampling::kAuto) {
      out.resampling = wanted;
    } else if (!source.file.cluster.empty()) {
      out.resampling = fit::Resampling::kClusters;
    }
  } else {
    const bool automatic = fitting.resampling.empty() || fitting.resampling == "auto";
    out.resampling =
        automatic ? fit::Resampling::kClusters : fit::find_resampling(fitting.resampling);
  }
  return out;
}

// What a method found in the points of one strategy.
template <typename Fit>
struct StrategyAnswer {
  Strategy strategy;
  Fit fit;
};

template <typename Fit>
nlohmann::ordered_json json_of(const StrategyAnswer<Fit>& answer) {
  nlohmann::ordered_json out = fit::to_json(answer.fit);
  if (!answer.strategy.name.empty()) {
    out["language"] = answer.strategy.data.language;
    out["strategy"] = answer.strategy.name;
  }
  out["data"] = to_json(answer.strategy.data);
  out["convention"] = fit::to_json(answer.strategy.data.convention);
  return out;
}

// The tables of a sweep's strategies, each kind as one.
template <typename Fit>
std::vector<fit::Table> stacked_tables(const std::vector<StrategyAnswer<Fit>>& answers,
                                       fit::TableFormat format) {
  std::vector<std::vector<fit::TablePart>> kinds;
  for (const StrategyAnswer<Fit>& each : answers) {
    std::vector<fit::Table> tables = fit::tables(each.fit, format);
    kinds.resize(tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i) {
      kinds[i].push_back({{each.strategy.data.language, each.strategy.name}, std::move(tables[i])});
    }
  }
  std::vector<fit::Table> out;
  for (const auto& parts : kinds) out.push_back(fit::stacked({"language", "strategy"}, parts));
  return out;
}

template <typename Fit>
std::string csv_of(const std::vector<StrategyAnswer<Fit>>& answers, const std::string& method) {
  std::vector<fit::TablePart> parts;
  for (const StrategyAnswer<Fit>& each : answers) {
    const Dataset& data = each.strategy.data;
    parts.push_back({{data.language, each.strategy.name, method},
                     fit::with_convention(fit::csv(each.fit), data.convention)});
  }
  return fit::render(fit::stacked({"language", "fit", "law"}, parts), fit::TableFormat::kCsv);
}

template <typename Fit>
void print(const std::vector<StrategyAnswer<Fit>>& answers, bool of_sweep,
           const std::string& method, const OutputOptions& output, std::ostream& out,
           std::ostream& log) {
  const auto format = output_format(output);
  if (format && is_text(*format)) {
    for (const StrategyAnswer<Fit>& each : answers) {
      if (&each != &answers.front()) out << "\n";
      out << describe(each.strategy.data)
          << fit::convention_note(each.strategy.data.convention, *format)
          << fit::render(each.fit, *format);
    }
    return;
  }
  if (!format) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const StrategyAnswer<Fit>& each : answers) all.push_back(json_of(each));
    out << fit::pretty(of_sweep ? nlohmann::ordered_json{{"schema", 1}, {"fits", all}} : all[0]);
  } else if (format == fit::TableFormat::kCsv) {
    out << csv_of(answers, method);
  } else {
    out << fit::convention_note(answers.front().strategy.data.convention, *format)
        << (of_sweep ? fit::render(stacked_tables(answers, *format), *format)
                     : fit::render(answers.front().fit, *format));
  }
  for (const StrategyAnswer<Fit>& each : answers) {
    const std::string whose = of_sweep ? each.strategy.data.source + ": " : "";
    for (const std::string& warning : each.fit.warnings) {
      log << "crosslaw fit: " << whose << warning << "\n";
    }
  }
}

// Why a fit answers nothing; empty: it does.
std::string unanswered(const fit::TrainingEnvelopeFit&) { return ""; }
std::string unanswered(const fit::IsoflopFit& fit) {
  return fit.used() > 0 ? "" : "no budget has a usable minimum\n" + fit::describe_left_out(fit);
}

// Asks one strategy after the other; those that cannot answer are named on `log`.
template <typename Ask>
int ask_all(const DataSourceOptions& source, const std::string& method, const OutputOptions& output,
            const std::vector<std::string>& option_problems, const Ask& ask, std::ostream& out,
            std::ostream& log) {
  std::vector<StrategyAnswer<decltype(ask(fit::Points{}))>> answers;
  for (Strategy& each : read_strategies(source, log)) {
    auto found =
        about_file(each.data.source, option_problems, [&] { return ask(each.data.data.points); });
    const std::string why = unanswered(found);
    if (why.empty()) {
      answers.push_back({std::move(each), std::move(found)});
    } else {
      log << fmt::format("crosslaw fit: {}: {}", each.data.source, why);
    }
  }
  if (answers.empty()) return 1;
  print(answers, !source.directory.empty(), method, output, out, log);
  return 0;
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
  add_number_list(command, "--flops", options.flops,
                  "of --method: budgets C to answer, such as 1e18,1e20 or 1e20..1e24x5")
      ->type_name("C,...");
  command.option_defaults()->group("Options");
}

int run_frontier_method(const FrontierMethodOptions& options, const DataSourceOptions& source,
                        const FittingOptions& fitting, const OutputOptions& output,
                        std::ostream& out, std::ostream& log) {
  require_method_options(options, fitting);
  const fit::FrontierOptions frontier = frontier_options(options, source, fitting);
  if (options.method == "envelope") {
    const fit::TrainingEnvelopeOptions envelope{frontier};
    return ask_all(
        source, options.method, output, fit::problems(envelope),
        [&](const fit::Points& points) { return fit::fit_training_envelope(points, envelope); },
        out, log);
  }
  const fit::IsoflopOptions isoflop{frontier, options.same_budget_percent / 100,
                                    options.flat_percent / 100};
  return ask_all(
      source, options.method, output, fit::problems(isoflop),
      [&](const fit::Points& points) { return fit::fit_isoflop(points, isoflop); }, out, log);
}

}  // namespace crosslaw::apps
