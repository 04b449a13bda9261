#include "fit/power_form.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/laws/laws.h"

namespace crosslaw::fit {
namespace {

// log N* = intercept + slope * log C.
struct LogLine {
  double intercept;
  double slope;
};

bool has_optimum(const PowerForm& f) { return f.alpha > 0 && f.beta > f.gamma; }

LogLine log_params(const PowerForm& f) {
  const double sum = f.alpha + f.beta - f.gamma;
  const double ratio = std::log(f.alpha) + f.log_a - std::log(f.beta - f.gamma) - f.log_b;
  return {(ratio - f.beta * std::log(6.0)) / sum, f.beta / sum};
}

// log of the reducible loss on the frontier: A N*^-alpha (1 + alpha/(beta - gamma)).
LogLine log_reducible(const PowerForm& f) {
  const LogLine params = log_params(f);
  return {f.log_a + std::log1p(f.alpha / (f.beta - f.gamma)) - f.alpha * params.intercept,
          -f.alpha * params.slope};
}

double loss_at(const PowerForm& f, double log_n, double log_flops) {
  const double log_d = log_flops - std::log(6.0) - log_n;
  return std::exp(f.log_e) + std::exp(f.log_a - f.alpha * log_n) +
         std::exp(f.log_b - f.beta * log_d - f.gamma * log_n);
}

// The log N between a point inside the band and one outside it where the loss crosses `limit`.
double bisect(const PowerForm& f, double inside, double outside, double log_flops, double limit) {
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (inside + outside);
    (loss_at(f, middle, log_flops) <= limit ? inside : outside) = middle;
  }
  return inside;
}

}  // namespace

double PowerForm::loss(double params, double tokens) const {
  return std::exp(log_e) + std::exp(log_a - alpha * std::log(params)) + data_term(params, tokens);
}

double PowerForm::data_term(double params, double tokens) const {
  return std::exp(log_b - beta * std::log(tokens) - gamma * std::log(params));
}

std::optional<PowerForm> power_form(const Law& law, const Theta& theta, Stage stage) {
  if (&law == &chinchilla_law()) {
    return PowerForm{theta[0], theta[1], theta[2], theta[3], theta[4], 0};
  }
  if (&law == &extended_law()) {
    return PowerForm{theta[0], theta[1], theta[2], theta[3], theta[4], theta[5]};
  }
  if (&law != &joint_law()) return std::nullopt;
  if (stage == Stage::kScratch) {
    return PowerForm{theta[0], theta[1], theta[2], theta[3], theta[4], 0};
  }
  return PowerForm{theta[0], theta[1], theta[2], theta[5], theta[6], theta[7]};
}

std::string why_no_optimum(const PowerForm& form) {
  if (!(form.alpha > 0)) {
    return fmt::format("alpha = {:.4g} is not above 0: smaller models are never worse", form.alpha);
  }
  if (!(form.beta > form.gamma)) {
    return fmt::format("beta = {:.4g} is not above gamma = {:.4g}: larger models are always better",
                       form.beta, form.gamma);
  }
  return "";
}

std::optional<Optimum> optimum(const PowerForm& form, double flops) {
  if (!has_optimum(form) || !(flops > 0)) return std::nullopt;
  const LogLine line = log_params(form);
  const double log_n = line.intercept + line.slope * std::log(flops);
  Optimum out{flops, std::exp(log_n), flops / 6 / std::exp(log_n), 0};
  out.loss = loss_at(form, log_n, std::log(flops));
  return out;
}

std::optional<Frontier> frontier(const PowerForm& form) {
  if (!has_optimum(form)) return std::nullopt;
  const LogLine params = log_params(form);
  const LogLine reducible = log_reducible(form);
  Frontier out;
  out.params_constant = std::exp(params.intercept);
  out.params_exponent = params.slope;
  out.tokens_constant = std::exp(-params.intercept - std::log(6.0));
  out.tokens_exponent = 1 - params.slope;
  out.reducible_constant = std::exp(reducible.intercept);
  out.reducible_exponent = -reducible.slope;
  return out;
}

std::optional<double> flops_for_loss(const PowerForm& form, double loss) {
  const double reducible = loss - std::exp(form.log_e);
  if (!has_optimum(form) || !(reducible > 0)) return std::nullopt;
  const LogLine line = log_reducible(form);
  return std::exp((std::log(reducible) - line.intercept) / line.slope);
}

std::optional<Range> flat_band(const PowerForm& form, double flops, double share) {
  const std::optional<Optimum> best = optimum(form, flops);
  if (!best) return std::nullopt;
  const double centre = std::log(best->params);
  const double limit = best->loss * (1 + share);
  const auto edge = [&](double direction) {
    double reach = 1;
    while (loss_at(form, centre + direction * reach, std::log(flops)) <= limit && reach < 700) {
      reach *= 2;
    }
    return std::exp(bisect(form, centre, centre + direction * reach, std::log(flops), limit));
  };
  return Range{edge(-1), edge(1)};
}

std::optional<double> equal_loss_tokens(const PowerForm& scratch, const PowerForm& continued,
                                        double params, double tokens) {
  const double log_n = std::log(params);
  const auto rest = [&](const PowerForm& f) {
    return std::exp(f.log_e) + std::exp(f.log_a - f.alpha * log_n);
  };
  // With shared E, A and alpha the rests cancel exactly.
  const double needed = continued.data_term(params, tokens) + (rest(continued) - rest(scratch));
  if (!(needed > 0) || !(scratch.beta > 0)) return std::nullopt;
  return std::exp((scratch.log_b - scratch.gamma * log_n - std::log(needed)) / scratch.beta);
}

std::optional<double> crossing_tokens(const PowerForm& scratch, const PowerForm& continued,
                                      double params) {
  const double difference = scratch.beta - continued.beta;
  if (difference == 0) return std::nullopt;
  const double gamma = continued.gamma - scratch.gamma;
  return std::exp((scratch.log_b - continued.log_b + gamma * std::log(params)) / difference);
}

}  // namespace crosslaw::fit
