// The [train] section: how every run of the sweep is trained.
#include <fmt/format.h>

#include <limits>
#include <map>

#include "sweep/spec/sections.h"

namespace crosslaw::sweep {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<BatchTier> read_batch_tokens(TomlSection& section) {
  // One number for all sizes, or tiers by size; the last tier is open, so that every size has one.
  const toml::node* node = section.node("batch_tokens");
  if (node && !node->is_array()) return {{kInfinity, section.integer("batch_tokens")}};
  std::vector<BatchTier> tiers;
  for (TomlSection& tier : section.sections("batch_tokens")) {
    tiers.push_back({tier.number("below_params", kInfinity), tier.integer("tokens")});
    require(tiers.size() < 2 || tiers.back().below_params > tiers[tiers.size() - 2].below_params,
            tier, "below_params", "larger than the one before");
    tier.finish();
  }
  require(!tiers.empty() && tiers.back().below_params == kInfinity, section, "batch_tokens",
          "closed by an entry without below_params");
  return tiers;
}

double read_init(TomlSection& section, double otherwise) {
  const toml::node* node = section.node("init");
  if (!node) return otherwise;
  // 0 stands for 1 / sqrt(3 fan_in), in the recipe, too.
  if (node->is_string() && node->as_string()->get() == "fan_in") return 0.0;
  if (!node->is_number()) section.fail("init", "expected a standard deviation or \"fan_in\"");
  double std = section.number("init");
  require(std > 0, section, "init", "positive, or \"fan_in\"");
  return std;
}

void read_optimizer(TomlSection& section, trainer::OptimizerOptions& o) {
  o.beta1 = section.number("beta1", o.beta1);
  o.beta2 = section.number("beta2", o.beta2);
  o.epsilon = section.number("epsilon", o.epsilon);
  o.weight_decay = section.number("weight_decay", o.weight_decay);
  o.clip_norm = section.number("clip_norm", o.clip_norm);
  const std::string kind = section.text("optimizer", "adamw");
  require(kind == "adamw" || kind == "adamh" || kind == "muon", section, "optimizer",
          fmt::format("adamw, adamh or muon, found {}", kind));
  const bool adamw = kind == "adamw";
  if (!adamw)
    o.kind = kind == "adamh" ? trainer::OptimizerKind::kAdamH : trainer::OptimizerKind::kMuon;
  o.adam_learning_rate = section.number("adam_learning_rate", 0);
  require((o.adam_learning_rate > 0) != adamw, section, "adam_learning_rate",
          adamw ? "left out with optimizer = \"adamw\""
                : fmt::format("positive with optimizer = \"{}\": the peak for embedding, head and "
                              "norms",
                              kind));
}

// The peak's rule and exactly the numbers that it takes: one that the rule does not read would look
// as if it counted.
void read_learning_rate(TomlSection& section, TrainingSpec& train) {
  const bool over_hidden = section.has("learning_rate_times_hidden");
  const std::string rule =
      section.text("learning_rate_rule", over_hidden ? "over-hidden" : "constant");
  const std::map<std::string, RateRule> rules = {{"constant", RateRule::kConstant},
                                                 {"over-hidden", RateRule::kOverHidden},
                                                 {"step-law", RateRule::kStepLaw},
                                                 {"horizon", RateRule::kHorizon}};
  require(rules.contains(rule), section, "learning_rate_rule",
          fmt::format("constant, over-hidden, step-law or horizon, found {}", rule));
  train.rate_rule = rules.at(rule);
  train.peak_learning_rate = section.number("peak_learning_rate", 0);
  train.learning_rate_times_hidden = section.number("learning_rate_times_hidden", 0);
  train.learning_rate_factor = section.number("learning_rate_factor", 1);
  train.reference_batch_tokens = section.number("reference_batch_tokens", 0);
  train.reference_tokens = section.number("reference_tokens", 0);
  const bool horizon = train.rate_rule == RateRule::kHorizon;
  const bool peak = horizon || train.rate_rule == RateRule::kConstant;
  if (peak && train.peak_learning_rate == 0) {
    section.has("final_learning_rate");  // a key of its own, however near
    section.refuse_misspelt("peak_learning_rate");
    section.refuse_misspelt("learning_rate_times_hidden");
  }
  require((train.peak_learning_rate > 0) == peak, section, "peak_learning_rate",
          peak ? "a positive number, or else learning_rate_times_hidden"
               : fmt::format("left out with learning_rate_rule = \"{}\"", rule));
  require((train.learning_rate_times_hidden > 0) == (train.rate_rule == RateRule::kOverHidden),
          section, "learning_rate_times_hidden",
          train.rate_rule == RateRule::kOverHidden
              ? std::string("a positive number")
              : fmt::format("left out with learning_rate_rule = \"{}\"", rule));
  const bool step_law = train.rate_rule == RateRule::kStepLaw;
  require(step_law || !section.has("learning_rate_factor"), section, "learning_rate_factor",
          "left out without learning_rate_rule = \"step-law\"");
  require(train.learning_rate_factor > 0, section, "learning_rate_factor", "positive");
  for (const auto& [key, value] :
       {std::pair{"reference_batch_tokens", train.reference_batch_tokens},
        {"reference_tokens", train.reference_tokens}}) {
    require((value > 0) == horizon, section, key,
            horizon ? "a positive number: where peak_learning_rate holds"
                    : "left out without learning_rate_rule = \"horizon\"");
  }
}

// Values that no run would obey. Defaults pass: a resolved spec has every key.
void refuse_idle_schedule_keys(TomlSection& section, const std::string& schedule,
                               const TrainingSpec& train) {
  const TrainingSpec usual;
  const bool cosine = train.schedule == trainer::ScheduleKind::kCosine;
  require(!cosine || train.cooldown_fraction == usual.cooldown_fraction, section,
          "cooldown_fraction", "left out with schedule = \"cosine\", which has no cooldown");
  require(cosine || train.final_learning_rate == usual.final_learning_rate, section,
          "final_learning_rate",
          fmt::format("left out with schedule = \"{}\", whose cooldown ends at 0", schedule));
}

SearchSpec read_search(TomlSection section) {
  SearchSpec search;
  search.sizes = section.texts("sizes");
  require(!search.sizes.empty(), section, "sizes", "an array with at least one name of the ladder");
  if (section.has("strategies")) search.strategies = section.texts("strategies");
  if (section.has("rate_factors")) search.rate_factors = positive_numbers(section, "rate_factors");
  if (section.has("batch_factors"))
    search.batch_factors = positive_numbers(section, "batch_factors");
  search.tokens_per_param = section.number("tokens_per_param", 0);
  require(search.tokens_per_param >= 0, section, "tokens_per_param", "positive");
  section.finish();
  return search;
}

}  // namespace

void read_training(TomlSection section, TrainingSpec& train) {
  std::string schedule = section.text("schedule", "cosine");
  require(schedule == "cosine" || schedule == "wsd" || schedule == "wsd-linear", section,
          "schedule", fmt::format("cosine or wsd, found {}; or wsd-linear", schedule));
  train.schedule =
      schedule == "cosine" ? trainer::ScheduleKind::kCosine : trainer::ScheduleKind::kWsd;
  train.cooldown =
      schedule == "wsd-linear" ? trainer::Cooldown::kLinear : trainer::Cooldown::kOneMinusSqrt;
  read_learning_rate(section, train);
  train.warmup_fraction = section.number("warmup_fraction", train.warmup_fraction);
  require(train.warmup_fraction >= 0 && train.warmup_fraction < 1, section, "warmup_fraction",
          "in [0, 1)");
  train.warmup_steps_min = section.integer("warmup_steps_min", train.warmup_steps_min);
  train.warmup_steps_max = section.integer("warmup_steps_max", train.warmup_steps_max);
  require(train.warmup_steps_min >= 0, section, "warmup_steps_min", "at least 0");
  require(train.warmup_steps_max >= train.warmup_steps_min, section, "warmup_steps_max",
          "at least warmup_steps_min");
  train.cooldown_fraction = section.number("cooldown_fraction", train.cooldown_fraction);
  require(train.cooldown_fraction > 0 && train.cooldown_fraction < 1, section, "cooldown_fraction",
          "in (0, 1)");
  train.final_learning_rate = section.number("final_learning_rate", train.final_learning_rate);
  require(train.final_learning_rate >= 0 && train.final_learning_rate <= 1, section,
          "final_learning_rate", "a share of the peak, in [0, 1]");
  refuse_idle_schedule_keys(section, schedule, train);
  train.batch_tokens = read_batch_tokens(section);
  read_optimizer(section, train.optimizer);
  if (section.has("search")) train.search = read_search(section.section("search"));
  train.precision = section.text("precision", train.precision);
  train.init_std = read_init(section, train.init_std);
  train.evaluations = section.integer("evaluations", train.evaluations);
  require(train.evaluations >= 0 && train.evaluations <= 1000, section, "evaluations",
          "between 0 and 1000");
  train.source_loss_at_end_only =
      section.boolean("source_loss_at_end_only", train.source_loss_at_end_only);
  train.source_valid_tokens = section.integer("source_valid_tokens", train.source_valid_tokens);
  require(train.source_valid_tokens >= 0, section, "source_valid_tokens",
          fmt::format("at least 0, found {}", train.source_valid_tokens));
  train.checkpoint_every_seconds =
      section.number("checkpoint_every_seconds", train.checkpoint_every_seconds);
  require(train.checkpoint_every_seconds > 0, section, "checkpoint_every_seconds", "positive");
  train.checkpoint_time_share =
      section.number("checkpoint_time_share", train.checkpoint_time_share);
  require(train.checkpoint_time_share > 0 && train.checkpoint_time_share <= 1, section,
          "checkpoint_time_share", "in (0, 1]");
  train.deterministic = section.boolean("deterministic", train.deterministic);
  section.finish();
}

}  // namespace crosslaw::sweep
