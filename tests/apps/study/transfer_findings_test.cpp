#include "apps/study/transfer_findings.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_transfers.h"
#include "apps/study/transfer_json.h"
#include "apps/study/transfer_matrix.h"
#include "tests/apps/planted_transfer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::TransferWorld;

namespace {

// A planted sweep, and what it says of itself.
struct Told {
  tests::TempFolder folder;
  db::RunStore store;
  Observations observations;
  std::vector<PairFits> fits;
  std::vector<PairTransfer> transfers;

  explicit Told(const TransferWorld& world, int draws = 100)
      : store(tests::simulate(world, folder.path())), observations(store, ParamsCount::kAll) {
    SweepFitOptions options;
    options.fit.starts = 16;
    options.fit.draws = draws;
    fits = fit_sweep(observations, options, [](const std::string&) {});
    transfers = sweep_transfers(observations, fits);
  }
};

const Told& usual() {
  static const Told told{TransferWorld{}};
  return told;
}

bool holds(const std::optional<fit::Range>& interval, double truth, double slack = 0.25) {
  if (!interval) return false;
  const double more = slack * (interval->high - interval->low);
  return interval->low - more <= truth && truth <= interval->high + more;
}

// Laws whose frontiers are the lines of arXiv:2407.02118, Fig. 1: without a floor the frontier of
// A/N^alpha + B/D^beta is a straight line of exponent alpha beta / (alpha + beta). It fixes beta,
// and its height with the best size at one budget A and B; likewise for the continued runs.
TransferWorld world_of_paper_lines() {
  TransferWorld world;
  constexpr double kLine = 33.69907, kSlope = 0.0579, kOwnLine = 31.9594, kOwnSlope = 0.0575;
  const double c = 1e20, n = 1e9, d = c / 6 / n;
  world.e = 0, world.alpha = 0.12;
  world.beta = 1 / (1 / kSlope - 1 / world.alpha);
  const double loss = kLine * std::pow(c, -kSlope);
  world.a = loss * world.beta / (world.alpha + world.beta) * std::pow(n, world.alpha);
  world.b = loss * world.alpha / (world.alpha + world.beta) * std::pow(d, world.beta);
  world.gamma = 0.005;
  world.beta_continued = kOwnSlope * (world.alpha - world.gamma) / (world.alpha - kOwnSlope);
  const double own = kOwnLine * std::pow(c, -kOwnSlope);
  const double steep = world.beta_continued - world.gamma;
  const double own_n = std::pow(own / (1 + world.alpha / steep) / world.a, -1 / world.alpha);
  const double own_d = c / 6 / own_n;
  world.b_continued = world.alpha * world.a * std::pow(own_n, -world.alpha) / steep *
                      std::pow(own_d, world.beta_continued) * std::pow(own_n, world.gamma);
  world.noise = 0.0005;
  world.every = 3;
  world.tokens_per_param = {2, 5, 10, 20, 40};
  return world;
}

}  // namespace

TEST_CASE("Every saving of a planted world comes back by the laws, with its verdict") {
  const TransferWorld world;
  REQUIRE(usual().transfers.size() == 1);
  const TransferFindings& found = usual().transfers[0].findings;
  REQUIRE(found.rows.size() == 40);  // ten sizes, four budgets
  int told = 0, measured = 0, inside = 0;
  for (const TransferRow& row : found.rows) {
    const double equal = world.equal_tokens(row.params, row.tokens);
    INFO(row.run << ", " << row.tokens_per_param << " tokens a parameter");
    REQUIRE(row.law);
    CHECK(*row.law->saved_share.value == Approx(1 - row.tokens / equal).margin(0.05));
    CHECK(holds(row.law->saved_share.ci95, 1 - row.tokens / equal));
    CHECK(holds(row.law->transferred_tokens.ci95, equal - row.tokens));
    CHECK(row.source_tokens);
    if (row.saving != Saving::kCannotTell) {
      ++told;
      CHECK((row.saving == Saving::kSaves) == (equal > row.tokens));
    }
    if (row.extrapolated) continue;
    ++measured;
    inside += holds(row.measured->saved_share.ci95, 1 - row.tokens / equal, 0);
  }
  CHECK(told >= 20);
  REQUIRE(measured >= 20);
  CHECK(inside >= 0.85 * measured);
}

TEST_CASE("Means, growth, crossings and the share repaid are those of the planted laws") {
  const TransferWorld world;
  const TransferFindings& found = usual().transfers[0].findings;
  REQUIRE(found.budgets.size() == 4);
  for (const TransferBudget& budget : found.budgets) {
    // The sizes have four budgets each, in the order of the rows.
    const auto which = static_cast<std::size_t>(&budget - found.budgets.data());
    double truth = 0;
    for (std::size_t i = which; i < found.rows.size(); i += 4) {
      const TransferRow& row = found.rows[i];
      truth += (1 - row.tokens / world.equal_tokens(row.params, row.tokens)) / 10;
    }
    INFO(budget.tokens_per_param << " tokens a parameter, planted " << truth);
    CHECK(budget.sizes == 10);
    CHECK(holds(budget.law.ci95, truth));
    CHECK(*budget.law.value == Approx(truth).margin(0.03));
    if (budget.extrapolated == 0) CHECK(*budget.measured.value == Approx(truth).margin(0.04));
  }
  // Where the laws are equal: B/D^beta = B'/(D^beta' N^gamma).
  std::size_t with_interval = 0;
  for (const TransferCrossing& crossing : tests::some(found.crossings)) {
    const double truth =
        std::pow(world.b * std::pow(crossing.params, world.gamma) / world.b_continued,
                 1 / (world.beta - world.beta_continued));
    CHECK(crossing.continued_better_below);
    if (!crossing.law.ci95) continue;
    ++with_interval;
    CHECK(holds(crossing.law.ci95, truth));
  }
  CHECK(with_interval > 0);
  REQUIRE(found.law_growth);
  REQUIRE(found.law_growth->tokens_exponent.ci95);
  const TransferRow& row = found.rows.back();
  const double moved = world.equal_tokens(row.params, row.tokens) - row.tokens;
  CHECK(*row.source_tokens == Approx(20 * row.params).epsilon(0.3));
  CHECK(holds(row.law->repaid_share->ci95, moved / *row.source_tokens));
}

TEST_CASE(
    "On the frontiers of the paper the savings are 40 to 48 percent, and the sentence says so") {
  const Told told(world_of_paper_lines());
  REQUIRE(told.transfers.size() == 1);
  const TransferFindings& found = told.transfers[0].findings;
  REQUIRE(found.frontier.size() == 5);
  for (const FrontierSaving& at : found.frontier) {
    INFO(at.flops << " FLOPs");
    REQUIRE(at.measured.value);
    const double truth =
        1 - std::exp(std::log(at.flops) -
                     (std::log(33.69907 / 31.9594) + 0.0575 * std::log(at.flops)) / 0.0579);
    CHECK(*at.measured.value == Approx(truth).margin(0.02));
    CHECK(*at.measured.value > 0.40);
    CHECK(*at.measured.value < 0.48);
    REQUIRE(at.law.value);
    CHECK(*at.law.value == Approx(truth).margin(0.03));
  }
  CHECK(found.budgets.size() == 5);
  const std::string sentence = describe(found);
  INFO(sentence);
  CHECK(sentence.find("frontier against frontier, each at its best size: 4") != std::string::npos);
  CHECK(found.frontier_measured->low > 0.40);
  CHECK(found.frontier_measured->high < 0.48);
}

TEST_CASE(
    "A measured share without an interval leaves the verdict to the laws, and may contradict") {
  int left_to_laws = 0;
  for (const TransferRow& row : usual().transfers[0].findings.rows) {
    if (row.extrapolated || !row.measured || !row.law || !row.law->saved_share.ci95) continue;
    const fit::Estimate &law = row.law->saved_share, &measured = row.measured->saved_share;
    const bool decided = law.ci95->low > 0 || law.ci95->high < 0;
    if (!decided || measured.ci95 || !measured.value) continue;
    ++left_to_laws;
    const bool contradicts = (*measured.value > 0) != (law.ci95->low > 0);
    CHECK((row.saving == Saving::kCannotTell) == contradicts);
  }
  INFO(left_to_laws << " rows have no measured interval");
  TransferFindings found;
  TransferBudget open, told;
  open.tokens_per_param = 5, open.law.value = 0.4;
  told.tokens_per_param = 10, told.law.value = 0.3, told.saving = Saving::kSaves;
  found.budgets = {open, told};
  CHECK_THAT(describe(found), tests::has_text("40 % (?) at 5, 30 % at 10"));
  found.budgets = {told};
  CHECK_THAT(describe(found), !tests::has_text("(?)"));
}

TEST_CASE("Where both ways disagree or an interval holds zero, it is said that it cannot be told") {
  TransferWorld world;  // continued runs like those from scratch
  world.b_continued = world.b, world.beta_continued = world.beta, world.gamma = 0;
  const Told told(world);
  const TransferFindings& found = told.transfers[0].findings;
  int undecided = 0;
  for (const TransferRow& row : found.rows) undecided += row.saving == Saving::kCannotTell;
  CHECK(undecided >= 36);
}

TEST_CASE("Two seeds give the scatter, and their losses one curve") {
  TransferWorld world;
  world.seeds = {1, 2};
  world.every = 8;
  const Told told(world, 100);
  const TransferFindings& found = told.transfers[0].findings;
  CHECK(found.noise.from.find("seeds") != std::string::npos);
  CHECK(found.noise.sd == Approx(world.noise).epsilon(0.4));
  CHECK(found.rows.size() == 40);  // five sizes, four budgets, two seeds
}

TEST_CASE("The findings as JSON hold every row, unknown ones as null") {
  nlohmann::ordered_json json = to_json(usual().transfers[0].findings);
  CHECK(json["rows"].size() == 40);
  CHECK(json["rows"][0]["law_saved_share"].is_number());
  CHECK(json["rows"][0]["law_saved_share_ci95"].size() == 2);
  CHECK(json["budgets"].size() == 4);
  TransferFindings nothing;
  json = to_json(nothing);
  CHECK(json["growth"]["law"].is_null());
  CHECK(json["frontier_law"].is_null());
}

TEST_CASE("The matrix has the pair at the budget of most tokens, with bits a byte") {
  const TransferMatrix matrix = transfer_matrix(usual().observations, usual().transfers);
  REQUIRE(matrix.cells.size() == 1);
  CHECK(matrix.sources == std::vector<std::string>{"en"});
  CHECK(matrix.targets == std::vector<std::string>{"fr"});
  const TransferCell& cell = matrix.cells[0];
  const TransferBudget& last = usual().transfers[0].findings.budgets.back();
  CHECK(cell.tokens_per_param == last.tokens_per_param);
  CHECK(*cell.saved_share.value == *last.law.value);
  REQUIRE(cell.continued_bits_per_byte);
  CHECK((*cell.continued_bits_per_byte < *cell.scratch_bits_per_byte) == (*last.law.value > 0));
}
