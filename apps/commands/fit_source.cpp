#include "apps/commands/fit_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "apps/commands/command_line_lists.h"
#include "apps/commands/given_fit.h"
#include "apps/study/sweep_fits.h"
#include "fit/data/closest_name.h"
#include "fit/data/number_text.h"

namespace crosslaw::apps {
namespace {

std::string law_list() {
  std::string out;
  for (const std::string_view name : fit::law_names()) out += fmt::format("{}, ", name);
  return out + std::string(fit::kTwoStageLaw);
}

SweepFitOptions sweep_options(const DataSourceOptions& source, const FittingOptions& options) {
  SweepFitOptions out;
  out.count = find_params_count(source.count);
  out.points = find_point_choice(source.points);
  out.exact_flops = source.exact_flops;
  out.fit = options.fit;
  if (options.draws) out.fit.draws = *options.draws;
  if (!options.resampling.empty()) out.fit.resampling = fit::find_resampling(options.resampling);
  // The extended law is of continued runs, whose E, A and alpha the scratch runs give.
  out.only_law = options.fit.law == "extended" ? "two-stage" : options.fit.law;
  require_known_law(out.only_law);
  return out;
}

std::vector<SourcedFit> fit_sweep_folder(const DataSourceOptions& source,
                                         const FittingOptions& options, bool refit,
                                         std::ostream& log) {
  FolderFits found = fits_of_folder(source.directory, sweep_options(source, options), refit,
                                    [&](const std::string& message) { log << message << "\n"; });
  std::vector<SourcedFit> out;
  for (PairFits& pair : found.fits) {
    for (const std::string& sentence : pair.missing) log << "crosslaw fit: " << sentence << "\n";
    for (NamedFit& named : pair.fits) {
      named.data.source = fmt::format("{} ({})", source.directory, pair.pair.label());
      out.push_back({named.name, std::move(named.data), std::move(named.fit)});
    }
  }
  if (!found.not_stored.empty()) {
    log << fmt::format("crosslaw fit: not stored, for {}\n", found.not_stored);
  }
  return out;
}

// "E=1.6", or with `tie` "alpha=beta".
fit::Constraint parse_constraint(const char* flag, const std::string& text, bool tie) {
  const std::size_t equal = text.find('=');
  const auto refuse = [&] {
    throw std::invalid_argument(
        fmt::format("{}: '{}' is not {}", flag, text,
                    tie ? "NAME=NAME, such as alpha=beta" : "NAME=NUMBER, such as E=1.6"));
  };
  if (equal == std::string::npos || equal == 0 || equal + 1 == text.size()) refuse();
  fit::Constraint out{text.substr(0, equal), std::nullopt, ""};
  if (tie) {
    // Of the two the second is fitted, and the first follows it.
    out.tied_to = text.substr(equal + 1);
    return out;
  }
  out.value = fit::parse_number(std::string_view(text).substr(equal + 1));
  if (!out.value) refuse();
  require_falling(flag, out.coefficient, *out.value);
  return out;
}

void add_steering_options(CLI::App& command, fit::FitOptions& fit) {
  const auto add = [&](const char* flag, const char* help, const char* type, bool tie) {
    command
        .add_option_function<std::vector<std::string>>(
            flag,
            [&fit, flag, tie](const std::vector<std::string>& texts) {
              for (const std::string& text : texts)
                for (const std::string& each : split_pairs(flag, text))
                  fit.constraints.push_back(parse_constraint(flag, each, tie));
            },
            help)
        ->allow_extra_args(false)
        ->type_name(type);
  };
  add("--fix", "hold coefficients at values, such as E=1.6", "NAME=VALUE,...", false);
  add("--tie", "fit coefficients as one, such as alpha=beta", "NAME=NAME,...", true);
  read_as_number(command.add_option(
                     "--over-weight", fit.over_weight,
                     "weight of points whose loss the law overestimates; large: their lower edge"))
      ->capture_default_str();
}

void read_delta(const std::string& text, fit::FitOptions& fit) {
  fit.auto_delta = text == "auto";
  if (fit.auto_delta) return;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, fit.huber_delta);
  if (error != std::errc() || stop != end) {
    throw CLI::ValidationError("--huber-delta",
                               fmt::format("'{}' is not a number above 0, auto or inf", text));
  }
}

// The library speaks of its fields, users of flags.
std::string by_flags(std::string sentence) {
  for (const auto& [field, flag] : {std::pair{"huber_delta = ", "--huber-delta "},
                                    {"over_weight = ", "--over-weight "},
                                    {"starts = ", "--starts "},
                                    {"draws = ", "--bootstrap "},
                                    {"threads = ", "--threads "}}) {
    const std::size_t at = sentence.find(field);
    if (at != sentence.npos) sentence.replace(at, std::string_view(field).size(), flag);
  }
  return sentence;
}

// Too few points are no bad input, and no fit.
void require_enough_points(const fit::Points& points, const fit::FitOptions& settings,
                           const std::string& path) {
  const fit::Law& law = fit::law_of_fit(settings.law);
  // Coefficients that are held or tied are not fitted.
  const std::size_t needed =
      static_cast<std::size_t>(law.size()) -
      std::min(settings.constraints.size(), static_cast<std::size_t>(law.size()));
  if (points.size() >= needed) return;
  throw std::runtime_error(fmt::format(
      "{}: {} points cannot fit {} coefficients of law {}: {} are needed at least, three times as "
      "many for useful intervals. Add runs of other sizes N at the same D, and of the same N at "
      "other D; or keep more rows",
      path, points.size(), needed, law.name, needed));
}

}  // namespace

void add_fitting_options(CLI::App& command, FittingOptions& options) {
  command.option_defaults()->group("How to fit");
  fit::FitOptions& fit = options.fit;
  command.add_option("--law", fit.law,
                     fmt::format("one of {} [chinchilla; two-stage with --stage]", law_list()));
  command
      .add_option_function<std::string>(
          "--huber-delta", [&fit](const std::string& text) { read_delta(text, fit); },
          "where log residuals stop being squared; auto: by the data; inf: least squares [0.001]")
      ->type_name("DELTA");
  read_as_number(command.add_option("--starts", fit.starts, "start points of the search"))
      ->capture_default_str();
  read_as_number(
      command.add_option("--bootstrap", options.draws,
                         "refits for intervals; 0: none [1000; 200 above 20,000 points]"))
      ->type_name("R");
  command.add_option(
      "--resample", options.resampling,
      "auto, parametric, clusters or pairs [auto: parametric below 200 runs, else whole "
      "clusters, or pairs]");
  command.add_option("--seed", fit.seed, "of starts and resamples")
      ->check([](const std::string& text) {
        return text.starts_with("-") ? fmt::format("{} must be 0 or more", text) : "";
      })
      ->capture_default_str();
  command.add_option("--threads", fit.threads, "0: one a core; changes no result")
      ->capture_default_str();
  add_steering_options(command, fit);
  command.option_defaults()->group("Options");
}

void require_known_law(const std::string& law) {
  const auto known = fit::law_names();
  if (law.empty() || law == fit::kTwoStageLaw) return;
  if (std::find(known.begin(), known.end(), law) != known.end()) return;
  std::vector<std::string> names(known.begin(), known.end());
  names.emplace_back(fit::kTwoStageLaw);
  throw std::invalid_argument(fmt::format("--law {} is not known{}; it must be one of {}", law,
                                          fit::did_you_mean(law, names), law_list()));
}

fit::FitOptions fit_settings(const FittingOptions& options, const fit::DataFileOptions& file,
                             std::size_t points) {
  fit::FitOptions settings = options.fit;
  if (settings.law.empty()) settings.law = file.stage.empty() ? "chinchilla" : fit::kTwoStageLaw;
  require_known_law(settings.law);
  const bool both = !fit::law_of_fit(settings.law).parts.empty();
  if (both && file.stage.empty()) {
    throw std::invalid_argument(fmt::format(
        "--law {} needs --stage, the column that says scratch or continued", settings.law));
  }
  settings.resampling = resampling_of(options, file);
  settings.draws = options.draws.value_or(fit::usual_draws(points));
  if (settings.draws < 0) {
    throw std::invalid_argument(
        fmt::format("--bootstrap {}: the number of refits must be 0 or more", settings.draws));
  }
  if (settings.draws > 0 && settings.draws < fit::kFewestDraws) {
    throw std::invalid_argument(
        fmt::format("--bootstrap {}: an interval needs {} refits or more; 0 makes none",
                    settings.draws, fit::kFewestDraws));
  }
  const std::vector<std::string> wrong = fit::problems(settings);
  if (!wrong.empty())
    throw std::invalid_argument(by_flags(fmt::format("{}", fmt::join(wrong, "; "))));
  return settings;
}

fit::Resampling resampling_of(const FittingOptions& options, const fit::DataFileOptions& file) {
  if (options.resampling.empty()) return fit::Resampling::kAuto;
  const fit::Resampling wanted = fit::find_resampling(options.resampling);
  if (wanted == fit::Resampling::kClusters && file.cluster.empty()) {
    throw std::invalid_argument("--resample clusters needs --cluster, the column naming the run");
  }
  return wanted;
}

std::string SourcedFit::label() const {
  return name.empty() ? "" : fmt::format("{}, {}", data.language, name);
}

namespace {

// The loss that no model beats lies below all that were measured.
void require_floor_below(const fit::Points& points, const fit::FitOptions& settings,
                         const std::string& path) {
  for (const fit::Constraint& each : settings.constraints) {
    if (each.coefficient != "E" || !each.value || points.empty()) continue;
    const auto least = std::min_element(
        points.begin(), points.end(), [](const auto& a, const auto& b) { return a.loss < b.loss; });
    if (*each.value < least->loss) continue;
    throw std::invalid_argument(
        fmt::format("--fix E={:g}: {} has a loss of {:g}, and E is the loss that no model beats",
                    *each.value, path, least->loss));
  }
}

}  // namespace

void check_fitting(const FittingOptions& options, const fit::DataFileOptions& file) {
  require_known_law(options.fit.law);
  fit::DataFileOptions unread = file;
  // Without a law named, whether there are stages is known only when the file is read.
  if (unread.stage.empty() && !options.fit.law.empty()) unread.stage = "may be guessed";
  if (unread.cluster.empty()) unread.cluster = "may be guessed";
  fit_settings(options, unread, 0);
}

SourcedFit fit_dataset(const FittingOptions& options, Dataset data) {
  SourcedFit out{"", std::move(data), {}};
  const std::string& path = out.data.data.used.path;
  const fit::Points& points = out.data.data.points;
  const fit::FitOptions settings = fit_settings(options, out.data.data.used, points.size());
  require_enough_points(points, settings, path);
  require_floor_below(points, settings, path);
  out.fit =
      about_file(path, fit::problems(settings), [&] { return fit::fit_law(points, settings); });
  out.fit.convention = out.data.convention;
  return out;
}

SourcedFit fit_file(const FittingOptions& options, const fit::DataFileOptions& file,
                    std::ostream& log) {
  check_fitting(options, file);
  return fit_dataset(options, read_file(file, log));
}

std::vector<SourcedFit> fit_source(const DataSourceOptions& source, const FittingOptions& options,
                                   bool refit, std::ostream& log) {
  if (!source.directory.empty()) return fit_sweep_folder(source, options, refit, log);
  return {fit_file(options, source.file, log)};
}

std::string law_name(const fit::FitResult& fit) {
  return fit.method == fit::kTwoStageLaw ? fit.method : std::string(fit.law->name);
}

}  // namespace crosslaw::apps
