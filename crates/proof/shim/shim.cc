// RocksDB's BackupEngine behind plain C functions, for what RocksDB's own C API leaves out: read-only engines,
// the list of corrupt backups, file details, verification by checksum, deletion of one id, garbage collection,
// restore modes with alternate directories. Besides, a file manager that deletes in pieces.
//
// The structs and functions are mirrored in src/engine/shim.rs; change both together.
// A function that can fail returns a message to be released with sk_message_free, or null for success.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/sst_file_manager.h"
#include "rocksdb/utilities/backup_engine.h"

using rocksdb::BackupEngine;
using rocksdb::BackupEngineOptions;
using rocksdb::BackupEngineReadOnly;
using rocksdb::BackupEngineReadOnlyBase;
using rocksdb::BackupInfo;
using rocksdb::Status;

// The C API's database handle, as db/c.cc defines it: the crate hands these out.
struct rocksdb_t {
  rocksdb::DB* rep;
};

// The C API's file manager, likewise.
struct rocksdb_sst_file_manager_t {
  std::shared_ptr<rocksdb::SstFileManager> rep;
};

struct sk_engine {
  std::unique_ptr<BackupEngine> writable;
  std::unique_ptr<BackupEngineReadOnly> read_only;

  BackupEngineReadOnlyBase* reader() const {
    if (writable) return writable.get();
    return read_only.get();
  }
};

extern "C" {

struct sk_engine_options {
  const char* backup_dir;
  bool share_table_files;
  bool share_files_with_checksum;
  bool sync;
  bool destroy_old_data;
  bool backup_log_files;
  bool current_temperatures_override_manifest;
  uint32_t naming;
  int32_t schema_version;
  int32_t max_background_operations;
  int32_t max_valid_backups_to_open;
  uint64_t callback_trigger_interval_size;
  uint64_t backup_rate_limit;
  uint64_t restore_rate_limit;
};

// Asked once for each file that could be left out: 0 keeps it, 1 excludes it, anything else fails the backup.
typedef int32_t (*sk_exclude_fn)(void* context, const char* relative_file);
typedef void (*sk_progress_fn)(void* context);

struct sk_create_options {
  bool flush_before_backup;
  const char* app_metadata;
  size_t app_metadata_size;
  void* context;
  sk_exclude_fn exclude;    // may be null
  sk_progress_fn progress;  // may be null
};

struct sk_backup {
  uint32_t id;
  int64_t timestamp;
  uint64_t size;
  uint32_t number_files;
  const char* app_metadata;
  size_t app_metadata_size;
};

struct sk_file {
  uint32_t backup_id;
  const char* relative_filename;
  uint64_t size;
  bool excluded;
};

typedef void (*sk_backup_fn)(void* context, const sk_backup* backup);
typedef void (*sk_file_fn)(void* context, const sk_file* file);
typedef void (*sk_id_fn)(void* context, uint32_t id);

}  // extern "C"

namespace {

char* message(const std::string& text) { return strdup(text.c_str()); }

char* result(const Status& status) {
  return status.ok() ? nullptr : message(status.ToString());
}

char* read_only_refusal() {
  return message("Invalid argument: the engine was opened read-only");
}

BackupEngineOptions to_rocksdb(const sk_engine_options& given) {
  BackupEngineOptions options(given.backup_dir);
  options.share_table_files = given.share_table_files;
  options.share_files_with_checksum = given.share_files_with_checksum;
  options.sync = given.sync;
  options.destroy_old_data = given.destroy_old_data;
  options.backup_log_files = given.backup_log_files;
  options.current_temperatures_override_manifest =
      given.current_temperatures_override_manifest;
  options.share_files_with_checksum_naming =
      static_cast<BackupEngineOptions::ShareFilesNaming>(given.naming);
  options.schema_version = given.schema_version;
  options.max_background_operations = given.max_background_operations;
  options.max_valid_backups_to_open = given.max_valid_backups_to_open;
  options.callback_trigger_interval_size =
      given.callback_trigger_interval_size;
  options.backup_rate_limit = given.backup_rate_limit;
  options.restore_rate_limit = given.restore_rate_limit;
  return options;
}

rocksdb::CreateBackupOptions to_rocksdb(const sk_create_options& given) {
  rocksdb::CreateBackupOptions options;
  options.flush_before_backup = given.flush_before_backup;
  void* context = given.context;
  if (given.progress != nullptr) {
    sk_progress_fn progress = given.progress;
    options.progress_callback = [=]() { progress(context); };
  }
  if (given.exclude != nullptr) {
    sk_exclude_fn exclude = given.exclude;
    options.exclude_files_callback =
        [=](rocksdb::MaybeExcludeBackupFile* begin,
            rocksdb::MaybeExcludeBackupFile* end) {
          for (auto* file = begin; file != end; ++file) {
            int32_t decision =
                exclude(context, file->info.relative_file.c_str());
            if (decision != 0 && decision != 1) {
              throw std::runtime_error("the exclude callback failed");
            }
            file->exclude_decision = decision == 1;
          }
        };
  }
  return options;
}

void visit(const BackupInfo& info, void* context, sk_backup_fn on_backup,
           sk_file_fn on_file) {
  sk_backup backup = {info.backup_id,           info.timestamp,
                      info.size,                info.number_files,
                      info.app_metadata.data(), info.app_metadata.size()};
  on_backup(context, &backup);
  // The name has its directory with it; temperatures are not filled in (utilities/backup/backup_engine.cc).
  for (const auto& details : info.file_details) {
    sk_file file = {info.backup_id, details.relative_filename.c_str(),
                    details.size, false};
    on_file(context, &file);
  }
  for (const auto& excluded : info.excluded_files) {
    sk_file file = {info.backup_id, excluded.relative_file.c_str(), 0, true};
    on_file(context, &file);
  }
}

}  // namespace

extern "C" {

void sk_message_free(char* text) { free(text); }

char* sk_engine_open(const sk_engine_options* options, bool read_only,
                     sk_engine** out) {
  auto engine = std::make_unique<sk_engine>();
  rocksdb::Env* env = rocksdb::Env::Default();
  rocksdb::IOStatus status;
  if (read_only) {
    BackupEngineReadOnly* opened = nullptr;
    status = BackupEngineReadOnly::Open(to_rocksdb(*options), env, &opened);
    engine->read_only.reset(opened);
  } else {
    BackupEngine* opened = nullptr;
    status = BackupEngine::Open(to_rocksdb(*options), env, &opened);
    engine->writable.reset(opened);
  }
  *out = status.ok() ? engine.release() : nullptr;
  return result(status);
}

void sk_engine_close(sk_engine* engine) { delete engine; }

char* sk_engine_create(sk_engine* engine, rocksdb_t* db,
                       const sk_create_options* options, uint32_t* out_id) {
  if (!engine->writable) return read_only_refusal();
  std::string app_metadata(options->app_metadata, options->app_metadata_size);
  return result(engine->writable->CreateNewBackupWithMetadata(
      to_rocksdb(*options), db->rep, app_metadata, out_id));
}

void sk_engine_stop(sk_engine* engine) {
  if (engine->writable) engine->writable->StopBackup();
}

void sk_engine_backups(const sk_engine* engine, void* context,
                       sk_backup_fn on_backup, sk_file_fn on_file) {
  std::vector<BackupInfo> infos;
  engine->reader()->GetBackupInfo(&infos, /*include_file_details=*/true);
  for (const auto& info : infos) visit(info, context, on_backup, on_file);
}

char* sk_engine_backup(const sk_engine* engine, uint32_t id, void* context,
                       sk_backup_fn on_backup, sk_file_fn on_file) {
  BackupInfo info;
  Status status = engine->reader()->GetBackupInfo(
      id, &info, /*include_file_details=*/true);
  if (status.ok()) visit(info, context, on_backup, on_file);
  return result(status);
}

void sk_engine_corrupted(const sk_engine* engine, void* context,
                         sk_id_fn on_id) {
  std::vector<rocksdb::BackupID> ids;
  engine->reader()->GetCorruptedBackups(&ids);
  for (rocksdb::BackupID id : ids) on_id(context, id);
}

char* sk_engine_verify(const sk_engine* engine, uint32_t id,
                       bool verify_with_checksum) {
  return result(engine->reader()->VerifyBackup(id, verify_with_checksum));
}

char* sk_engine_delete(sk_engine* engine, uint32_t id) {
  if (!engine->writable) return read_only_refusal();
  return result(engine->writable->DeleteBackup(id));
}

char* sk_engine_purge(sk_engine* engine, uint32_t keep) {
  if (!engine->writable) return read_only_refusal();
  return result(engine->writable->PurgeOldBackups(keep));
}

char* sk_engine_collect_garbage(sk_engine* engine) {
  if (!engine->writable) return read_only_refusal();
  return result(engine->writable->GarbageCollect());
}

// An id of 0 means the latest backup.
char* sk_engine_restore(const sk_engine* engine, uint32_t id,
                        const char* db_dir, const char* wal_dir,
                        bool keep_log_files, uint32_t mode,
                        sk_engine* const* alternates, size_t alternate_count) {
  rocksdb::RestoreOptions options(
      keep_log_files, static_cast<rocksdb::RestoreOptions::Mode>(mode));
  for (size_t i = alternate_count; i > 0; --i) {
    options.alternate_dirs.push_front(alternates[i - 1]->reader());
  }
  if (id == 0) {
    return result(
        engine->reader()->RestoreDBFromLatestBackup(options, db_dir, wal_dir));
  }
  return result(
      engine->reader()->RestoreDBFromBackup(options, id, db_dir, wal_dir));
}

// To be released with rocksdb_sst_file_manager_destroy.
char* sk_slow_file_manager(int64_t bytes_per_second, uint64_t chunk_bytes,
                           double trash_ratio,
                           rocksdb_sst_file_manager_t** out) {
  Status status;
  rocksdb::SstFileManager* manager = rocksdb::NewSstFileManager(
      rocksdb::Env::Default(), /*info_log=*/nullptr, /*trash_dir=*/"",
      bytes_per_second, /*delete_existing_trash=*/true, &status, trash_ratio,
      chunk_bytes);
  *out = new rocksdb_sst_file_manager_t;
  (*out)->rep.reset(manager);
  return result(status);
}

}  // extern "C"
