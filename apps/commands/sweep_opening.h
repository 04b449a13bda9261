#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "apps/terminal/progress_line.h"
#include "db/run_store.h"
#include "sweep/plan/plan.h"
#include "sweep/schedule/sweep_lock.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::apps {

using Say = std::function<void(const std::string&)>;

// Makes the sweep's folder where there is none and takes its lock. Throws std::invalid_argument
// when it cannot be made, lies on a network, or is somebody's at the moment.
sweep::SweepLock take_sweep(const std::filesystem::path& folder);

// What lies in the folder may be deleted one day, and what lies behind a link in it is somebody
// else's. Throws std::invalid_argument for the first link of a name that is ours.
void refuse_links(const std::filesystem::path& folder);

// The sweep's database; one that lost bits is put aside, said, and begun anew: recover_attempts()
// fills it from the folders of the runs.
db::RunStore open_or_renew(const std::filesystem::path& folder, const Say& say);

// Throws std::invalid_argument when the folder holds another sweep than this.
void refuse_other_sweep(const std::filesystem::path& folder, const db::RunStore& store,
                        const std::string& name);

// Says what would become of the folder's runs, and asks before finished ones are retired. False:
// the user said no. Throws std::invalid_argument where nobody can be asked.
bool agree_to_changes(const db::RunStore& store, const std::vector<db::RunRow>& planned, bool yes,
                      const std::filesystem::path& folder, const Say& say);

// Jobs of one queue are unknown to another, and a run would be trained twice. Throws
// std::invalid_argument while some are still with another than the spec's.
void refuse_other_queue(const db::RunStore& store, const sweep::LaunchSpec& launch,
                        const std::filesystem::path& folder);

// Throws when a text or the tokenizer of the spec is not there, or can be told to be wrong before
// any is read.
void require_texts(const sweep::SweepSpec& spec);

// Makes the sweep's tokenizer and shards in this folder, or finds them, and says what was found out
// about the texts. Throws std::invalid_argument for what the spec must change.
trainer::Corpus prepare_text(const sweep::SweepSpec& spec, const std::filesystem::path& data,
                             const Say& say, ProgressLine& progress);

// Hashes all text that runs are to be trained on and deletes what is not as it was made. Whether
// any was.
bool drop_damaged_shards(const trainer::Corpus& corpus, const Say& say);

}  // namespace crosslaw::apps
