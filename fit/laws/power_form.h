#pragma once

#include <optional>
#include <string>

#include "fit/laws/compute_model.h"
#include "fit/laws/law.h"

// Closed forms of L = E + A/N^alpha + B/(D^beta N^gamma) under C = F N^phi D, by default 6ND (arXiv
// 2407.02118, Eqs. 2 and 5; gamma = 0 is Hoffmann et al. 2022, Eq. 4). Along a budget the data term
// goes as N^(phi beta - gamma), so phi beta stands where beta does in those. Everything is computed
// from logs: the constants may be far beyond what A and B themselves suggest.
namespace crosslaw::fit {

struct PowerForm {
  double log_e = 0;
  double log_a = 0;
  double alpha = 0;
  double log_b = 0;
  double beta = 0;
  double gamma = 0;

  double loss(double params, double tokens) const;
  double data_term(double params, double tokens) const;  // B/(D^beta N^gamma)
};

// The form of a law and plain theta; empty for laws that are not of this form. Of a law of several
// strategies its parts are.
std::optional<PowerForm> power_form(const Law& law, const Theta& theta);

// Why there is no finite compute-optimal split (alpha <= 0 or phi beta <= gamma); empty if there
// is.
std::string why_no_optimum(const PowerForm& form, const ComputeModel& compute = {});

struct Optimum {
  double flops = 0;
  double params = 0;
  double tokens = 0;
  double loss = 0;
};

// The N and D of least loss that cost `flops`.
std::optional<Optimum> optimum(const PowerForm& form, double flops,
                               const ComputeModel& compute = {});

// N* = params_constant * C^params_exponent, D* = tokens_constant * C^tokens_exponent and
// L* - E = reducible_constant * C^-reducible_exponent.
struct OptimumGrowth {
  double params_constant = 0;
  double params_exponent = 0;
  double tokens_constant = 0;
  double tokens_exponent = 0;
  double reducible_constant = 0;
  double reducible_exponent = 0;
};

std::optional<OptimumGrowth> optimum_growth(const PowerForm& form,
                                            const ComputeModel& compute = {});

// The least compute that reaches a loss; empty where no compute does (loss <= E) or no optimum is.
std::optional<double> flops_for_loss(const PowerForm& form, double loss,
                                     const ComputeModel& compute = {});

// Tokens from scratch that reach, at the same N, the loss of a model continued on `tokens`; empty
// where no number of tokens does.
std::optional<double> equal_loss_tokens(const PowerForm& scratch, const PowerForm& continued,
                                        double params, double tokens);

// Tokens at which both strategies have the same loss at size N; both forms must share E, A, alpha.
// Continuing is better below it when beta > beta', above it when beta < beta'; empty if equal.
std::optional<double> crossing_tokens(const PowerForm& scratch, const PowerForm& continued,
                                      double params);

}  // namespace crosslaw::fit
