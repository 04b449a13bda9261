"""Ways to spoil the folder of a sweep. Each takes a random.Random and the folder, and says what it did."""

import os
import pathlib
import shutil


def files_of(folder):
    """Without those that a trainer which outlived its sweep removes meanwhile: os.walk() passes over what is gone."""
    paths = (pathlib.Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def flip_bit(draw, folder):
    file = draw.choice([path for path in files_of(folder) if path.stat().st_size > 0])
    stamp = file.stat()
    data = bytearray(file.read_bytes())
    bit = draw.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)
    if draw.random() < 0.5:  # as a disk loses it, without a new date
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return f"bit {bit} of {file.relative_to(folder)}"


def flip_in_database(draw, folder):
    file = folder / "crosslaw.db"
    if not file.exists() or not file.stat().st_size:
        return "no database to spoil"
    data = bytearray(file.read_bytes())
    bit = draw.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    # These four bytes are the schema's version: a newer one is refused by name, which is right.
    if 60 <= bit // 8 < 64:
        return "no bit of the schema's version"
    file.write_bytes(data)
    return f"bit {bit} of the database"


def flip_bits_of_runs(draw, folder):
    files = [path for path in files_of(folder / "runs") if path.stat().st_size > 0] if (folder / "runs").exists() else []
    done = []
    for file in draw.sample(files, min(len(files), 3)):
        data = bytearray(file.read_bytes())
        bit = draw.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        done.append(f"bit {bit} of {file.relative_to(folder)}")
    return ", ".join(done) or "no run to spoil"


def truncate(draw, folder):
    file = draw.choice(files_of(folder))
    size = draw.randint(0, file.stat().st_size)
    os.truncate(file, size)
    return f"{file.relative_to(folder)} cut to {size} bytes"


def delete_file(draw, folder):
    file = draw.choice(files_of(folder))
    file.unlink()
    return f"{file.relative_to(folder)} deleted"


def delete_folder(draw, folder):
    folders = sorted(path for path in folder.rglob("*") if path.is_dir())
    if not folders:
        return "no folder to delete"
    gone = draw.choice(folders)
    shutil.rmtree(gone)
    return f"{gone.relative_to(folder)}/ deleted"


def lose_database(draw, folder):
    for name in ("crosslaw.db", "crosslaw.db-wal", "crosslaw.db-shm"):
        (folder / name).unlink(missing_ok=True)
    return "database deleted"


def lose_log(draw, folder):
    (folder / "crosslaw.db-wal").unlink(missing_ok=True)
    return "the database's log deleted"


def flip_a_bit_of_every_file(draw, folder):
    count = 0
    for file in files_of(folder):
        data = bytearray(file.read_bytes())
        bit = draw.randrange(8 * len(data)) if data else 0
        if not data or (file.name == "crosslaw.db" and 60 <= bit // 8 < 64):
            continue
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        count += 1
    return f"a bit of each of {count} files"


def truncate_small_files(draw, folder):
    """Small files have few lengths: over many turns each of them is met."""
    small = [path for path in files_of(folder) if path.stat().st_size < 5000 and path.name != "crosslaw.db"]
    done = []
    for file in draw.sample(small, min(len(small), 4)):
        size = draw.randrange(file.stat().st_size + 1)
        os.truncate(file, size)
        done.append(f"{file.relative_to(folder)} cut to {size} bytes")
    return ", ".join(done) or "no small file"


DAMAGE = (flip_bit, flip_bit, flip_in_database, flip_in_database, flip_bits_of_runs, truncate, delete_file, delete_folder,
          lose_database, lose_log,
          flip_a_bit_of_every_file, truncate_small_files, truncate_small_files)
