#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/data_source.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/given_fit.h"
#include "apps/commands/output_format.h"
#include "apps/commands/unread_columns.h"
#include "fit/evidence/verification.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

struct VerifyCommandOptions {
  std::string coefficients;  // "E=1.69,A=406.4,..."
  std::string claim;         // a JSON file with the same
  fit::DataFileOptions file;
  FittingOptions fitting;
  fit::VerificationOptions ask = {.flops = {1e20, 1e22, 1e24}};
  OutputOptions output;
};

// Names with their numbers as they are written: the digits count.
using Written = std::map<std::string, std::string>;

// B' and beta' of papers.
std::string own_name(std::string name) {
  if (!name.ends_with("'")) return name;
  name.pop_back();
  return name + "_continued";
}

void add_written(const std::string& name, const std::string& text, const std::string& where,
                 Written& out) {
  if (!fit::read_printed(text)) {
    throw std::invalid_argument(
        fmt::format("{}: '{}' of {} is no number such as 0.34", where, text, name));
  }
  if (!out.try_emplace(own_name(name), text).second) {
    throw std::invalid_argument(fmt::format("{}: {} is given twice", where, name));
  }
}

Written written_in_flag(const std::string& text) {
  Written out;
  for (const std::string& pair : split_pairs("--coefficients", text)) {
    const std::size_t equal = pair.find('=');
    if (equal == std::string::npos || equal == 0) {
      throw std::invalid_argument(
          fmt::format("--coefficients: '{}' is not NAME=NUMBER, such as alpha=0.34", pair));
    }
    add_written(pair.substr(0, equal), pair.substr(equal + 1), "--coefficients", out);
  }
  return out;
}

// {"law": ..., "coefficients": {"E": "1.69", ...}}; texts keep zeros at the end, numbers do not.
Written written_in_file(const std::string& path, std::string& law) {
  std::ifstream in(path);
  if (!in) throw std::invalid_argument(path + ": cannot be read");
  const auto json = nlohmann::json::parse(in, nullptr, false);
  if (!json.is_object() || !json.contains("coefficients") || !json["coefficients"].is_object()) {
    throw std::invalid_argument(
        path + R"(: expected {"law": "chinchilla", "coefficients": {"E": "1.69", ...}})");
  }
  if (law.empty() && json.contains("law")) {
    if (!json["law"].is_string()) throw std::invalid_argument(path + ": law must be a text");
    law = json["law"].get<std::string>();
  }
  Written out;
  for (const auto& [name, value] : json["coefficients"].items()) {
    add_written(name, value.is_string() ? value.get<std::string>() : value.dump(), path, out);
  }
  return out;
}

bool names_coefficients_of(const Written& written, const fit::Law& law) {
  return static_cast<std::size_t>(law.size()) == written.size() &&
         std::all_of(written.begin(), written.end(),
                     [&](const auto& each) { return law.has(each.first); });
}

// Whether the law reads the columns that were named, and no other beside N and D.
bool reads_exactly(const fit::Law& law, const std::vector<NamedColumn>& columns) {
  for (const fit::Axis axis :
       {fit::Axis::kRepeats, fit::Axis::kShare, fit::Axis::kBase, fit::Axis::kLossBefore}) {
    const bool named = std::any_of(columns.begin(), columns.end(),
                                   [axis](const NamedColumn& each) { return each.axis == axis; });
    if (named != law.depends_on(axis)) return false;
  }
  return true;
}

// The law named, or of those with these coefficients the one that reads the columns named: several
// laws call theirs E, A, alpha, B and beta.
const fit::Law& law_of_claim(const Written& written, const std::string& name,
                             const fit::DataFileOptions& file) {
  std::string known;
  const fit::Law* first = nullptr;
  const std::vector<NamedColumn> columns = columns_beside_size_and_tokens(file);
  for (const std::string_view each : fit::law_names()) {
    const fit::Law& law = fit::find_law(each);
    const bool wanted = name.empty() || &law == &fit::law_of_fit(name);
    if (!wanted) continue;
    if (names_coefficients_of(written, law)) {
      if (reads_exactly(law, columns)) return law;
      if (first == nullptr) first = &law;
    }
    known += fmt::format("\n  {}:", law.name);
    for (const auto& info : law.coefficients) known += fmt::format(" {}", info.name);
  }
  if (first != nullptr) return *first;
  throw std::invalid_argument("the claim names the coefficients of no law; laws:" + known);
}

// A level that is printed as 0 or less: another law may have such a coefficient of either sign.
void refuse_impossible_level(const fit::Claim& claim, const Written& written) {
  for (std::size_t i = 0; i < claim.coefficients.size(); ++i) {
    const fit::CoefficientInfo& info = claim.law->coefficients[i];
    if (info.kind == fit::Kind::kExponent || claim.coefficients[i].value > 0) continue;
    std::string others;
    for (const std::string_view each : fit::law_names()) {
      const fit::Law& law = fit::find_law(each);
      if (!names_coefficients_of(written, law)) continue;
      const auto place = static_cast<std::size_t>(law.index(info.name));
      if (law.coefficients[place].kind != fit::Kind::kExponent) continue;
      others += fmt::format("; --law {} ({}) has one of either sign", law.name, law.formula);
    }
    throw std::invalid_argument(fmt::format("the claim says {} = {}, and {} of law {} is above 0{}",
                                            info.name, written.at(std::string(info.name)),
                                            info.name, claim.law->name, others));
  }
}

fit::Claim read_claim(const VerifyCommandOptions& options) {
  if (options.coefficients.empty() == options.claim.empty()) {
    throw std::invalid_argument(
        "say what is claimed with exactly one of --coefficients LIST and --claim FILE.json");
  }
  std::string law = options.fitting.fit.law;
  require_known_law(law);
  const Written written = options.claim.empty() ? written_in_flag(options.coefficients)
                                                : written_in_file(options.claim, law);
  require_known_law(law);
  fit::Claim out;
  out.law = &law_of_claim(written, law, options.file);
  for (const fit::CoefficientInfo& info : out.law->coefficients)
    out.coefficients.push_back(*fit::read_printed(written.at(std::string(info.name))));
  refuse_impossible_level(out, written);
  return out;
}

std::string short_number(std::optional<double> value) {
  return value ? fmt::format("{:.4g}", *value) : "none";
}

std::string short_range(const std::optional<fit::Range>& range) {
  return range ? fmt::format("[{:.4g}, {:.4g}]", range->low, range->high) : "-";
}

fit::Table claim_table(const fit::Verification& found) {
  fit::Table out;
  out.header = {"coefficient", "claimed", "+-"};
  if (found.best) out.header.insert(out.header.end(), {"best fit", "95%"});
  for (std::size_t i = 0; i < found.claim.coefficients.size(); ++i) {
    const fit::PrintedNumber& number = found.claim.coefficients[i];
    out.rows.push_back({std::string(found.claim.law->coefficients[i].name),
                        fmt::format("{:.6g}", number.value), fmt::format("{:.2g}", number.half)});
    if (!found.best) continue;
    const fit::Coefficient& best = found.best->coefficients[i];
    out.rows.back().push_back(fmt::format("{:.6g}", best.value));
    out.rows.back().push_back(short_range(best.ci95));
  }
  return out;
}

fit::Table conclusion_table(const fit::Verification& found) {
  fit::Table out;
  out.header = {"conclusion", "as printed", "within rounding"};
  if (found.best) out.header.insert(out.header.end(), {"best fit", "95%"});
  out.header.emplace_back("flips");
  out.align = found.best ? "lrrrrl" : "lrrl";
  for (const fit::Conclusion& each : found.conclusions) {
    out.rows.push_back({each.name, short_number(each.printed), short_range(each.rounding)});
    if (found.best) {
      out.rows.back().push_back(each.data ? short_number(each.data->value) : "-");
      out.rows.back().push_back(each.data ? short_range(each.data->ci95) : "-");
    }
    out.rows.back().push_back(each.flips.empty() ? "" : "yes");
  }
  return out;
}

nlohmann::ordered_json verification_json(const fit::Verification& found,
                                         const fit::Convention& convention) {
  using Json = nlohmann::ordered_json;
  Json claimed = Json::object();
  for (std::size_t i = 0; i < found.claim.coefficients.size(); ++i) {
    const fit::PrintedNumber& each = found.claim.coefficients[i];
    claimed[std::string(found.claim.law->coefficients[i].name)] = {{"value", each.value},
                                                                   {"half_digit", each.half}};
  }
  Json conclusions = Json::array();
  for (const fit::Conclusion& each : found.conclusions) {
    conclusions.push_back({{"name", each.name},
                           {"printed", fit::number_or_null(each.printed)},
                           {"rounding", fit::range_or_null(each.rounding)},
                           {"flips", each.flips.empty() ? Json(nullptr) : Json(each.flips)},
                           {"best_fit", each.data ? fit::estimate_json(*each.data) : Json()}});
  }
  Json out = {{"schema", 1},
              {"law", found.claim.law->name},
              {"convention", fit::to_json(convention)},
              {"claimed", claimed},
              {"outcome", fit::name_of(found.outcome)},
              {"verdict", found.verdict}};
  if (found.best) {
    out["objective"] = {{"claimed", fit::number_or_null(found.claimed_objective)},
                        {"within_rounding", fit::number_or_null(found.rounding_objective)},
                        {"best", found.best->objective},
                        {"likelihood_ratio", fit::number_or_null(found.likelihood_ratio)},
                        {"likelihood_limit", found.likelihood_limit}};
    out["best_fit"] = fit::to_json(*found.best, false);
  }
  out["conclusions"] = std::move(conclusions);
  return out;
}

fit::Table conclusion_csv(const fit::Verification& found) {
  fit::Table out;
  out.header = {"conclusion", "printed",  "rounding_low", "rounding_high",
                "best_fit",   "ci95_low", "ci95_high",    "flips"};
  const auto exact = [](std::optional<double> value) { return value ? fit::exact(*value) : ""; };
  for (const fit::Conclusion& each : found.conclusions) {
    const auto& data = each.data;
    const bool interval = data && data->ci95;
    out.rows.push_back({each.name, exact(each.printed),
                        each.rounding ? fit::exact(each.rounding->low) : "",
                        each.rounding ? fit::exact(each.rounding->high) : "",
                        data ? exact(data->value) : "", interval ? fit::exact(data->ci95->low) : "",
                        interval ? fit::exact(data->ci95->high) : "", each.flips});
  }
  return out;
}

void print_verification(const fit::Verification& found, const fit::Convention& convention,
                        const VerifyCommandOptions& options, std::ostream& out) {
  const auto format = output_format(options.output);
  if (!format) {
    out << fit::pretty(verification_json(found, convention));
    return;
  }
  if (format == fit::TableFormat::kCsv) {
    out << fit::render(fit::stacked({"language", "fit", "law"},
                                    {{{"", "", std::string(found.claim.law->name)},
                                      fit::with_convention(conclusion_csv(found), convention)}}),
                       *format);
    return;
  }
  if (!is_text(*format)) {
    out << fit::convention_note(convention, *format)
        << fit::render(conclusion_table(found), *format);
    return;
  }
  out << fmt::format("claim: {}, {}\n", found.claim.law->name, found.claim.law->formula)
      << fit::convention_note(convention, *format) << "\n"
      << fit::render(claim_table(found), *format) << "\n";
  if (found.best) {
    out << fit::wrapped(fmt::format("objective on {} points: {:.6g} as printed, {:.6g} at best "
                                    "within the digits, {:.6g} the optimum",
                                    found.best->points, found.claimed_objective,
                                    found.rounding_objective, found.best->objective))
        << "\n\n";
  }
  if (!found.conclusions.empty()) out << fit::render(conclusion_table(found), *format) << "\n";
  for (const std::string& each : found.verdict) out << fit::wrapped(each, 100, 2) << "\n";
}

int run_verify(const VerifyCommandOptions& options, std::ostream& out, std::ostream& log) {
  output_format(options.output);
  const fit::Claim claim = read_claim(options);
  fit::VerificationOptions ask = options.ask;
  if (!(ask.tokens_per_param > 0)) {
    throw std::invalid_argument("--tokens-per-param must be above 0");
  }
  for (const auto* list : {&ask.flops, &ask.sizes}) {
    for (const double each : *list) {
      if (!(each > 0)) throw std::invalid_argument("--flops and --sizes must be above 0");
    }
  }
  if (options.file.path.empty()) {
    require_file_for_flags(options.file);
    print_verification(fit::verify(claim, ask), kOfCoefficients, options, out);
    return 0;
  }
  refuse_unread_columns(*claim.law, options.file);
  FittingOptions fitting = options.fitting;
  fitting.fit.law = std::string(claim.law->name);
  const Dataset data = read_file(options.file, log);
  ask.fit = fit_settings(fitting, data.data.used, data.data.points.size());
  const fit::Verification found = about_file(options.file.path, fit::problems(ask.fit), [&] {
    return fit::verify(claim, data.data.points, ask);
  });
  if (const auto format = output_format(options.output); format && is_text(*format)) {
    out << describe(data) << "\n";
  }
  print_verification(found, data.convention, options, out);
  return 0;
}

}  // namespace

void add_verify_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "verify", "Coefficients that a study claims, against its data and its own digits");
  auto options = std::make_shared<VerifyCommandOptions>();
  command->option_defaults()->group("The claim");
  add_pair_list(*command, "--coefficients", options->coefficients,
                "as printed: E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28")
      ->type_name("NAME=NUMBER,...");
  command->add_option("--claim", options->claim, "a JSON file with law and coefficients")
      ->type_name("FILE");
  add_number_list(*command, "--flops", options->ask.flops,
                  "budgets whose optimum is a conclusion [1e20,1e22,1e24]")
      ->type_name("C,...");
  add_number_list(*command, "--sizes", options->ask.sizes,
                  "sizes at which continued and scratch are compared [5e7,3e8,1e9,5e9]")
      ->type_name("N,...");
  read_as_number(command->add_option("--tokens-per-param", options->ask.tokens_per_param,
                                     "tokens a parameter of these runs"))
      ->capture_default_str();
  add_file_options(*command, options->file);
  add_fitting_options(*command, options->fitting);
  add_table_options(*command, options->output);
  command->footer(
      "Outcomes: reproduced, indistinct (not the optimum, but the data cannot tell), not "
      "reproduced,\n"
      "better than the search; without --data only what the printed digits imply. \"flips\" marks "
      "a\n"
      "conclusion that turns round among coefficients that all print as claimed.\n\n"
      "Examples:\n"
      "  crosslaw verify --coefficients E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28 --data "
      "runs.csv\n"
      "  crosslaw verify --coefficients \"E=1.55,A=420.0,alpha=0.40,B=719.5,beta=0.30,B'=433.3,"
      "beta'=0.20,gamma=0.08\"");
  command->callback(
      [options, &exit_code] { exit_code = run_verify(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
