#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "db/run_store.h"

// A sweep whose laws are known, with the trainer replaced by them: English sources, French from
// scratch, and French continued from English with shares of replay, losses on both languages.
namespace crosslaw::tests {

struct TransferWorld {
  // From scratch, on either language.
  double e = 1.62, a = 410, alpha = 0.34, b = 430, beta = 0.29;
  // Continued: B' / (D_eff^beta' N^gamma), D_eff = D + tau * replayed tokens.
  double b_continued = 242, beta_continued = 0.245, gamma = 0.031, tau = 0.05;
  // The source loss rises by forget D^forget_tokens / ((1 + keep replay) N)^forget_size + gained,
  // D of both languages (arXiv:2502.06042): with much replay it ends below its start.
  double forget = 147, forget_size = 0.6, forget_tokens = 0.3, keep = 60, gained = -0.12;
  double noise = 0.002;  // standard deviation of the log of every loss
  std::uint64_t seed = 20260;

  std::vector<double> tokens_per_param = {5, 10, 20, 40};
  std::vector<double> replay = {0};
  // Base budgets of the continued runs, tokens a parameter; their data term falls with
  // (D1 / 20 N)^base_exponent.
  std::vector<double> bases = {20};
  double base_exponent = 0;
  // Part of the French validation tokens that training text holds; a run that has read so many
  // tokens that its share of them is one predicts these better by leak_gain of their loss.
  double leak = 0, leak_gain = 0.3;
  std::vector<std::int64_t> seeds = {1};
  int every = 4;  // of the 40 sizes of the paper, each so many

  double scratch_loss(double params, double tokens) const;
  // of_base: what the data term is of that after a base of 20 tokens a parameter.
  double continued_loss(double params, double tokens, double replay_share = 0,
                        double of_base = 1) const;
  double read_share(double tokens) const;  // of what leaked, in a run of so many tokens
  double source_rise(double params, double tokens, double replay_share) const;
  // Tokens from scratch for the loss of a model continued on so many, without replay.
  double equal_tokens(double params, double tokens) const;
};

// The store of that sweep, finished.
db::RunStore simulate(const TransferWorld& world, const std::filesystem::path& folder);

}  // namespace crosslaw::tests
