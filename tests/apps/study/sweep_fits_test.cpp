#include "apps/study/sweep_fits.h"

#include <optional>

#include "apps/study/sweep_folder.h"
#include "sweep/schedule/sweep_lock.h"
#include "tests/apps/planted_sweep.h"
#include "tests/support/catch.h"

namespace crosslaw::apps {
namespace {

using tests::TempFolder;

void silent(const std::string&) {}

// What crosslaw run would store, with few refits to be quick.
void store_some_fits(db::RunStore& store) {
  SweepFitOptions options;
  options.fit.draws = 5;
  const Observations observations(store, ParamsCount::kAll);
  store_fits(store, observations, fit_sweep(observations, options, silent));
}

}  // namespace

TEST_CASE("Usual fits are read from the folder while the runs are the same") {
  const TempFolder folder;
  db::RunStore store = tests::planted_store(folder);
  store_some_fits(store);
  int fitted = 0;
  const auto count = [&](const std::string&) { ++fitted; };
  const FolderFits found = fits_of_folder(folder.path().string(), {}, false, count);
  CHECK(fitted == 0);
  CHECK(found.not_stored.empty());
  REQUIRE(found.fits.size() == 1);
  REQUIRE(found.fits[0].fits.size() == 3);
  CHECK_FALSE(found.fits[0].choice.name.empty());
  CHECK_FALSE(found.fits[0].choice.reason.empty());
  CHECK(found.fits[0].fits[0].fit.draws.rows() == 5);
  // The points of a stored fit are those of the runs: 40 sizes at three budgets, in one or two
  // ways.
  CHECK(found.fits[0].fits[0].data.data.points.size() == 120);
  CHECK(found.fits[0].fits[1].data.data.points.size() == 240);
}

TEST_CASE("Other settings are fitted and not stored, and the reason is said") {
  const TempFolder folder;
  const db::RunStore store = tests::planted_store(folder);
  SweepFitOptions options;
  options.only_law = "chinchilla";
  options.fit.draws = 0;
  const FolderFits found = fits_of_folder(folder.path().string(), options, false, silent);
  CHECK(found.not_stored == "the settings are not those of crosslaw run");
  REQUIRE(found.fits.at(0).fits.size() == 1);
  CHECK(found.fits[0].fits[0].name == "scratch");
  CHECK(store.fits().empty());
}

TEST_CASE("Usual fits are stored unless somebody is running the sweep") {
  const TempFolder folder;
  const db::RunStore store = tests::planted_store(folder);
  const std::string path = folder.path().string();
  std::optional<sweep::SweepLock> lock = sweep::SweepLock::try_take(path);
  REQUIRE(lock);
  CHECK(fits_of_folder(path, {}, false, silent).not_stored.ends_with("is running this sweep"));
  CHECK(store.fits().empty());
  lock.reset();
  CHECK(fits_of_folder(path, {}, false, silent).not_stored.empty());
  CHECK(store.fits().size() == 5);  // three fits, which of them answers, both laws on both sets
}

}  // namespace crosslaw::apps
