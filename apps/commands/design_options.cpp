#include "apps/commands/design_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <stdexcept>

#include "apps/commands/command_line_lists.h"

namespace crosslaw::apps {
namespace {

void require_percent(const char* flag, const std::optional<double>& percent) {
  if (!percent || (*percent >= 0 && *percent < 100)) return;
  throw std::invalid_argument(
      fmt::format("{} {}: must be a percentage from 0 to below 100", flag, *percent));
}

void require_positive(const char* flag, double value) {
  if (std::isfinite(value) && value > 0) return;
  throw std::invalid_argument(fmt::format("{} {}: must be a finite number above 0", flag, value));
}

void require_numbers(const DesignOptions& options) {
  require_percent("--noise", options.noise_percent);
  require_percent("--run-noise", options.run_noise_percent);
  for (const double ratio : options.tokens_per_param) require_positive("--tokens-per-param", ratio);
  for (const double flops : options.flops) require_positive("--flops", flops);
  if (options.add_flops) require_positive("--add-flops", *options.add_flops);
  // The choice of new runs needs no simulation; a design is nothing else.
  const bool may_skip = options.add_flops.has_value();
  if (options.sweeps < (may_skip ? 0 : 1)) {
    throw std::invalid_argument(fmt::format("--sweeps {}: must be at least {}", options.sweeps,
                                            may_skip ? "0 (no simulation)" : "1"));
  }
}

void require_added(const DesignOptions& options) {
  if (options.file.path.empty() || !options.spec.empty()) {
    throw std::invalid_argument("--add-flops needs --data FILE, the runs there are, and no spec");
  }
  if (!options.given.coefficients.empty() || !options.given.file.empty()) {
    throw std::invalid_argument(
        "--add-flops goes by the fit of --data; leave out --coefficients and --fit");
  }
  if (options.flops.size() > 1) {
    throw std::invalid_argument(fmt::format(
        "--add-flops sharpens the answer at one budget; --flops names {}", options.flops.size()));
  }
}

void require_sources(const DesignOptions& options) {
  if (!options.given.coefficients.empty() && !options.given.file.empty()) {
    throw std::invalid_argument("--coefficients and --fit exclude each other");
  }
  if (options.add_flops) return require_added(options);
  const bool spec = !options.spec.empty();
  const bool data = !options.file.path.empty();
  const bool grid = !options.ladder.path.empty() || !options.tokens_per_param.empty();
  if (spec + data + grid > 1) {
    throw std::invalid_argument(
        "give a spec, --data or --ladder with --tokens-per-param, one of them; the law of data for "
        "other runs is --fit FIT.json, as fit --json saves it");
  }
  const bool whole_grid = !options.ladder.path.empty() && !options.tokens_per_param.empty();
  if (spec || data || whole_grid) return;
  throw std::invalid_argument(
      "say which runs: a spec, --data FILE, or --ladder FILE with --tokens-per-param");
}

}  // namespace

void add_design_options(CLI::App& command, DesignOptions& options) {
  command.add_option("spec", options.spec, "a sweep's spec (TOML): its planned runs");
  command.add_option("--language", options.language, "of the spec [the one that is continued]");
  add_file_options(command, options.file);
  add_fitting_options(command, options.fitting);
  command.add_option(
      "--ladder", options.ladder.path,
      "CSV of sizes (name, params, or a sweep's ladder): with --tokens-per-param the "
      "runs themselves, with --add-flops the sizes that may be added");
  read_as_number(
      command.add_option("--vocabulary", options.ladder.vocabulary, "of a ladder of shapes"))
      ->capture_default_str();
  add_number_list(command, "--tokens-per-param", options.tokens_per_param, "such as 5,10,20")
      ->type_name("D/N,...");
  add_given_fit_options(command, options.given);
  command.add_option("--noise", options.noise_percent,
                     "percent of scatter of every loss [that of the fit, else 0.5]");
  command.add_option(
      "--run-noise", options.run_noise_percent,
      "percent of scatter that the losses of one run share [that of the fit, else 0]");
  command.add_option("--sweeps", options.sweeps, "simulated sweeps; 0 with --add-flops: none")
      ->capture_default_str();
  add_number_list(command, "--flops", options.flops, "budgets at which N*, D* and the loss matter")
      ->type_name("C,...");
  read_as_number(command.add_option("--add-flops", options.add_flops,
                                    "choose runs to add to --data within so much compute"));
  command.add_option("--most-runs", options.most_runs, "that are added")->capture_default_str();
  command
      .add_option("--target", options.target,
                  "what they shall sharpen: N*, loss (at --flops), or a coefficient")
      ->capture_default_str();
  command.add_flag("--json", options.json, "one JSON object, numbers in full");
}

void check_design_options(const DesignOptions& options) {
  require_sources(options);
  require_numbers(options);
}

}  // namespace crosslaw::apps
