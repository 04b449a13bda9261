#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

#include "fit/data/records.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/fitter.h"
#include "fit/write/fit_json.h"

namespace crosslaw::fit {
namespace {

constexpr double kRounding = 0.01;  // by which a typed value and its log may differ

// Reads keys of one object and says which one is wrong.
class Keys {
 public:
  Keys(const nlohmann::json& json, std::string name) : json_(json), name_(std::move(name)) {
    if (!json.is_object()) refuse("expected a JSON object");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw std::invalid_argument(fmt::format("{}: {}", name_, what));
  }
  // Null is how unknown is written, so it counts as absent.
  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  const nlohmann::json& at(const char* key) const {
    if (!has(key)) refuse(fmt::format("key \"{}\" is missing", key));
    return json_.at(key);
  }
  double number(const char* key) const {
    if (!at(key).is_number()) refuse(fmt::format("\"{}\" must be a number", key));
    return at(key).get<double>();
  }
  // Infinity is written as null; absent: 0.
  double maybe_infinite(const char* key) const {
    if (!json_.contains(key)) return 0;
    return has(key) ? number(key) : std::numeric_limits<double>::infinity();
  }
  // A whole number that an int holds; absent: 0.
  int count(const char* key) const {
    const double value = has(key) ? number(key) : 0;
    if (!(value >= 0 && value <= 2147483647 && value == std::floor(value))) {
      refuse(fmt::format("\"{}\" must be a whole number from 0 to 2147483647", key));
    }
    return static_cast<int>(value);
  }
  std::uint64_t seed(const char* key) const {
    // Not by way of a double, which holds whole numbers only to 2^53.
    if (!at(key).is_number_unsigned()) {
      refuse(fmt::format("\"{}\" must be a whole number from 0 to 18446744073709551615", key));
    }
    return at(key).get<std::uint64_t>();
  }
  std::string text(const char* key) const {
    if (!at(key).is_string()) refuse(fmt::format("\"{}\" must be a string", key));
    return at(key).get<std::string>();
  }
  bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!at(key).is_boolean()) refuse(fmt::format("\"{}\" must be true or false", key));
    return at(key).get<bool>();
  }
  std::optional<double> maybe_number(const char* key) const {
    return has(key) ? std::optional(number(key)) : std::nullopt;
  }
  std::optional<Range> maybe_range(const char* key) const {
    if (!has(key)) return std::nullopt;
    const nlohmann::json& pair = at(key);
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number()) {
      refuse(fmt::format("\"{}\" must be [low, high]", key));
    }
    return Range{pair[0].get<double>(), pair[1].get<double>()};
  }
  std::vector<std::string> texts(const char* key) const {
    if (!has(key)) return {};
    std::vector<std::string> out;
    if (!at(key).is_array()) refuse(fmt::format("\"{}\" must be an array of strings", key));
    for (const nlohmann::json& each : at(key)) {
      if (!each.is_string()) refuse(fmt::format("\"{}\" must be an array of strings", key));
      out.push_back(each.get<std::string>());
    }
    return out;
  }
  const std::string& name() const { return name_; }

 private:
  const nlohmann::json& json_;
  std::string name_;
};

Coefficient read_coefficient(const Keys& all, const std::string& name, std::optional<double>& log) {
  Coefficient out;
  out.name = name;
  const nlohmann::json& json = all.at(name.c_str());
  if (json.is_number()) {
    out.value = json.get<double>();
    return out;
  }
  if (!json.is_object()) {
    all.refuse(fmt::format("\"{}\" must be a number, or an object with \"value\"", name));
  }
  const Keys keys(json, all.name() + "." + name);
  log = keys.maybe_number("log");
  out.value = keys.has("value") || !log ? keys.number("value") : std::exp(*log);
  out.se = keys.maybe_number("se");
  out.ci95 = keys.maybe_range("ci95");
  out.identifiable = keys.flag("identifiable", true);
  out.frozen = keys.flag("frozen", false);
  if (keys.has("held")) out.held = keys.text("held");
  out.log_se = keys.maybe_number("log_se");
  out.verdict.degree = out.identifiable ? Knowledge::kKnown : Knowledge::kNotKnown;
  if (keys.has("known")) out.verdict.degree = find_knowledge(keys.text("known"));
  if (keys.has("reason")) out.verdict.reason = keys.text("reason");
  return out;
}

// A level that overflows a double is written as null with its log; theta keeps the log.
void read_coefficients(const Keys& keys, FitResult& fit) {
  const Keys all(keys.at("coefficients"), keys.name() + ": coefficients");
  fit.theta.resize(fit.law->size());
  fit.draws.resize(0, fit.law->size());
  for (int i = 0; i < fit.law->size(); ++i) {
    const CoefficientInfo& info = fit.law->coefficients[static_cast<std::size_t>(i)];
    std::optional<double> log;
    Coefficient each = read_coefficient(all, std::string(info.name), log);
    const bool level = info.kind != Kind::kExponent;
    if (level && !(each.value > 0) && !(log && each.value == std::exp(*log))) {
      all.refuse(fmt::format("{} = {} must be above 0", info.name, each.value));
    }
    if (level && log && std::isnormal(each.value) &&
        std::abs(std::log(each.value) - *log) > kRounding) {
      all.refuse(
          fmt::format("{} = {} and its log {} say different things", info.name, each.value, *log));
    }
    fit.theta[i] = level ? log.value_or(std::log(each.value)) : each.value;
    fit.coefficients.push_back(std::move(each));
  }
}

DataRange read_coverage(const Keys& keys) {
  const auto range = [&](const char* key) {
    const std::optional<Range> found = keys.maybe_range(key);
    if (!found) keys.refuse(fmt::format("key \"{}\" is missing", key));
    return *found;
  };
  return {range("params"), range("tokens"), range("tokens_per_param"), range("flops"),
          range("loss")};
}

void read_draws(const Keys& keys, FitResult& fit) {
  const nlohmann::json& rows = keys.at("rows");
  const auto width = static_cast<std::size_t>(fit.law->size());
  if (!rows.is_array()) keys.refuse("\"rows\" must be an array");
  fit.draws.resize(static_cast<Eigen::Index>(rows.size()), fit.law->size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (!rows[r].is_array() || rows[r].size() != width) {
      keys.refuse(fmt::format("row {} must have {} numbers", r, width));
    }
    for (std::size_t c = 0; c < width; ++c) {
      if (!rows[r][c].is_number())
        keys.refuse(fmt::format("row {} must have {} numbers", r, width));
      fit.draws(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) =
          rows[r][c].get<double>();
    }
  }
}

void read_certificate(const Keys& keys, Certificate& certificate) {
  certificate.gradient_norm = keys.maybe_number("gradient_norm").value_or(0);
  certificate.gradient_scale = keys.maybe_number("gradient_scale").value_or(0);
  certificate.starts_unfinished = keys.count("starts_unfinished");
  certificate.points_searched = keys.count("points_searched");
  certificate.quadratic_share = keys.maybe_number("quadratic_share").value_or(0);
  certificate.rms_log_residual = keys.maybe_number("rms_log_residual").value_or(0);
  certificate.at_bound = keys.texts("at_bound");
}

void read_counting(const Keys& keys, FitResult& fit) {
  if (keys.has("convention")) {
    const Keys convention(keys.at("convention"), keys.name() + ": convention");
    if (convention.has("params")) fit.convention.params = convention.text("params");
    if (convention.has("compute")) fit.convention.compute = convention.text("compute");
    if (convention.has("loss")) fit.convention.loss = convention.text("loss");
  }
  if (!keys.has("compute")) return;
  const Keys compute(keys.at("compute"), keys.name() + ": compute");
  fit.compute = ComputeModel{compute.number("constant"), compute.number("exponent"),
                             compute.maybe_number("rms").value_or(0), true};
  for (const double value : {fit.compute->constant, fit.compute->exponent}) {
    if (!(value > 0)) compute.refuse("\"constant\" and \"exponent\" must be above 0");
  }
}

// Coefficients typed in by hand are a fit as well: whatever else is absent has a default.
void read_details(const Keys& keys, FitResult& fit) {
  fit.points = keys.count("points");
  fit.huber_delta = keys.maybe_infinite("huber_delta");
  fit.over_weight = keys.maybe_number("over_weight").value_or(1);
  fit.objective = keys.maybe_number("objective").value_or(0);
  fit.auto_delta = keys.flag("auto_delta", false);
  fit.converged = keys.flag("converged", true);
  fit.identifiable = keys.flag("identifiable", true);
  fit.problems = keys.texts("problems");
  if (keys.has("confounded")) fit.confounded = keys.text("confounded");
  fit.certificate.starts = keys.count("starts");
  fit.certificate.starts_at_best = keys.count("starts_at_best");
  fit.certificate.condition = keys.maybe_infinite("condition");
  if (keys.has("certificate")) {
    read_certificate(Keys(keys.at("certificate"), keys.name() + ": certificate"), fit.certificate);
  }
  if (keys.has("coverage")) {
    fit.measured_range = read_coverage(Keys(keys.at("coverage"), keys.name() + ": coverage"));
  }
  read_counting(keys, fit);
  if (keys.has("draws")) read_draws(Keys(keys.at("draws"), keys.name() + ": draws"), fit);
  if (!keys.has("bootstrap")) return;
  const Keys bootstrap(keys.at("bootstrap"), keys.name() + ": bootstrap");
  fit.bootstrap.kind = find_resampling(bootstrap.text("kind"));
  if (bootstrap.has("reason")) fit.bootstrap.reason = bootstrap.text("reason");
  fit.bootstrap.seed = bootstrap.seed("seed");
  fit.bootstrap.draws = bootstrap.count("draws");
  fit.bootstrap.failed = bootstrap.count("failed");
  fit.bootstrap.at_bound = bootstrap.texts("at_bound");
}

// Each stage's own certificate and measured range; its draws are columns of those of the whole fit.
void read_stages(const Keys& keys, FitResult& fit) {
  for (const LawPart& part : parts_of(*fit.law)) {
    const std::string strategy(part.strategy);
    const nlohmann::json& json = keys.at(strategy.c_str());
    const std::string name = keys.name() + "." + strategy;
    if (Keys(json, name).text("law") != part.law->name) {
      keys.refuse(fmt::format("\"{}\" must be a fit of law {}", strategy, part.law->name));
    }
    FitResult stage = fit_from_json(json, name);
    if (fit.draws.rows() > 0) stage.draws = fit.draws(Eigen::all, part.coefficients);
    fit.stages.push_back(std::move(stage));
  }
}

}  // namespace

FitResult fit_from_json(const nlohmann::json& json, const std::string& name) {
  const Keys keys(json, name);
  if (keys.has("schema") && keys.number("schema") != 1) {
    keys.refuse(fmt::format("schema {} is not known here, expected 1", keys.number("schema")));
  }
  FitResult fit;
  const std::string law = keys.text("law");
  fit.method = law == kTwoStageLaw ? kTwoStageLaw : "one-stage";
  fit.law = &law_of_fit(law);
  read_coefficients(keys, fit);
  read_details(keys, fit);
  if (keys.has("stages") && !fit.law->parts.empty()) {
    read_stages(Keys(keys.at("stages"), name + ": stages"), fit);
  }
  return fit;
}

FitResult read_fit(const std::string& path) {
  const std::string text = read_text(path);
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    throw std::invalid_argument(path + ": not valid JSON; expected the output of fit --json");
  }
  return fit_from_json(json, path);
}

}  // namespace crosslaw::fit
