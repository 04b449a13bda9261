#include "apps/commands/given_fit.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "apps/commands/command_line_lists.h"
#include "fit/data/number_text.h"
#include "fit/laws/law.h"

namespace crosslaw::apps {
namespace {

std::map<std::string, double> parse_pairs(const std::string& text) {
  std::map<std::string, double> out;
  for (const std::string& pair : split_pairs("--coefficients", text)) {
    const std::size_t equal = pair.find('=');
    const auto value = equal == std::string::npos
                           ? std::nullopt
                           : fit::parse_number(std::string_view(pair).substr(equal + 1));
    if (!value) {
      throw std::invalid_argument(
          fmt::format("--coefficients: '{}' is not NAME=NUMBER, such as alpha=0.34", pair));
    }
    if (!out.try_emplace(pair.substr(0, equal), *value).second) {
      throw std::invalid_argument(
          fmt::format("--coefficients: {} is given twice", pair.substr(0, equal)));
    }
  }
  return out;
}

constexpr double kSteepest = 2;  // published exponents lie from 0.05 to 1.2

bool has_exactly(const fit::Law& law, const std::map<std::string, double>& values) {
  return static_cast<std::size_t>(law.size()) == values.size() &&
         std::all_of(values.begin(), values.end(),
                     [&](const auto& each) { return law.has(each.first); });
}

}  // namespace

void require_falling(std::string_view flag, std::string_view name, double value) {
  const bool exponent = name.starts_with("alpha") || name.starts_with("beta");
  if (!exponent || (value > 0 && value <= kSteepest)) return;
  throw std::invalid_argument(fmt::format(
      "{}: {} = {:g}: losses fall with exponents above 0 and at most {:g}, such as 0.34", flag,
      name, value, kSteepest));
}

void add_given_fit_options(CLI::App& command, GivenFitOptions& options) {
  command.option_defaults()->group("A fit that is there already");
  command.add_option("--fit", options.file, "a fit saved by fit --json")->type_name("FIT.json");
  add_pair_list(command, "--coefficients", options.coefficients,
                "E=..,A=..,alpha=..,B=..,beta=..[,gamma=..]");
  command.option_defaults()->group("Options");
}

fit::FitResult parse_coefficients(const std::string& text) {
  const std::map<std::string, double> values = parse_pairs(text);
  for (const std::string_view name : fit::law_names()) {
    const fit::Law& law = fit::find_law(name);
    if (!has_exactly(law, values)) continue;
    for (const auto& [coefficient, value] : values)
      require_falling("--coefficients", coefficient, value);
    std::vector<double> ordered;
    for (const fit::CoefficientInfo& info : law.coefficients) {
      ordered.push_back(values.at(std::string(info.name)));
    }
    fit::FitResult out = fit::from_values(law, ordered);
    out.convention.loss = kOfCoefficients.loss;
    return out;
  }
  std::string known;
  for (const std::string_view name : fit::law_names()) {
    known += fmt::format("\n  {}:", name);
    for (const auto& info : fit::find_law(name).coefficients)
      known += fmt::format(" {}", info.name);
  }
  throw std::invalid_argument("--coefficients: no law has exactly these names; laws:" + known);
}

}  // namespace crosslaw::apps
