#include "apps/study/sweep_backup.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <system_error>

#include "apps/study/sweep_folder.h"
#include "db/files/atomic_file.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& inner, const fs::path& outer) {
  const fs::path relative =
      fs::weakly_canonical(inner).lexically_relative(fs::weakly_canonical(outer));
  return !relative.empty() && *relative.begin() != "..";
}

class Backup {
 public:
  Backup(fs::path staged, bool with_checkpoints)
      : staged_(std::move(staged)), with_checkpoints_(with_checkpoints) {}

  void copy_file(const fs::path& from, const fs::path& name) {
    const fs::path to = staged_ / name;
    fs::create_directories(to.parent_path());
    std::error_code error;
    fs::copy_file(from, to, error);
    // A sweep that runs deletes spent checkpoints and renames what it publishes.
    if (error == std::errc::no_such_file_or_directory) return;
    if (error)
      throw std::runtime_error(fmt::format("{}: cannot be copied to {}: {}", from.string(),
                                           to.string(), error.message()));
    ++summary_.files;
    summary_.bytes += static_cast<double>(fs::file_size(to));
  }

  // What lies below `folder`, links left out: they may lead anywhere.
  void copy_tree(const fs::path& folder, const fs::path& name) {
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      const fs::path each = at->path().filename();
      std::error_code gone;
      const fs::file_type type = at->symlink_status(gone).type();
      if (type == fs::file_type::directory && wanted_folder(each))
        copy_tree(folder / each, name / each);
      if (type == fs::file_type::regular && wanted_file(each))
        copy_file(folder / each, name / each);
    }
  }

  BackupSummary summary() const { return summary_; }

 private:
  bool wanted_folder(const fs::path& name) const {
    return with_checkpoints_ || !name.string().starts_with("checkpoint-");
  }
  static bool wanted_file(const fs::path& name) { return name.extension() != ".tokens"; }

  fs::path staged_;
  bool with_checkpoints_;
  BackupSummary summary_;
};

}  // namespace

BackupSummary backup_sweep(const fs::path& folder, const fs::path& out, bool with_checkpoints) {
  if (fs::exists(out))
    throw std::invalid_argument(
        fmt::format("{}: is there already; name a folder that is not", out.string()));
  if (is_inside(out, folder))
    throw std::invalid_argument(
        fmt::format("{}: lies inside the sweep, and would be in its own backup; name another place",
                    out.string()));
  const db::RunStore store = read_store(folder);
  const fs::path staged = db::staging_path(fs::absolute(out));
  fs::remove_all(staged);
  fs::create_directories(staged);
  try {
    Backup backup(staged, with_checkpoints);
    // The database first: of files that grow a later state holds the earlier one.
    store.copy_to(database_file(staged));
    for (const fs::path& each : {resolved_spec_file(folder), report_file(folder)}) {
      if (fs::is_regular_file(each)) backup.copy_file(each, each.filename());
    }
    const fs::path files = files_folder(folder);
    backup.copy_tree(data_folder(files), "data");
    backup.copy_tree(files / "runs", "runs");
    db::publish_folder(staged, fs::absolute(out));
    return backup.summary();
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
    throw;
  }
}

}  // namespace crosslaw::apps
