import { useState } from 'react'
import { isArchiveName } from '../../api/archive'
import { messageOf } from '../../api/client'
import { chooseFiles, readChosen, readDrop, type Dropped } from './dropped'
import { useDropTarget } from './useDropTarget'
import { useTransfers } from './useTransfers'
import type { SeatAddress } from '../../api/seat'

/** Everything that comes into the tree from this computer: dropped or chosen, files, folders and archives. */
export function useUploads(address: SeatAddress, canChange: boolean, onArrived: () => void) {
  const { transfers, list } = useTransfers(address, onArrived)
  const [archive, setArchive] = useState<{ folder: string; file: File } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)

  function receive(folder: string, dropped: Dropped) {
    const [only, ...more] = dropped.files
    if (only && more.length === 0 && dropped.folders.length === 0 && isArchiveName(only.file.name)) {
      setArchive({ folder, file: only.file })
    } else if (dropped.files.length > 0 || dropped.folders.length > 0) {
      void transfers.upload(folder, dropped)
    }
  }

  const drop = useDropTarget(canChange, (folder, transfer) => {
    setProblem(null)
    readDrop(transfer).then(
      (dropped) => receive(folder, dropped),
      (error: unknown) => setProblem(messageOf(error)),
    )
  })

  return {
    transfers,
    list,
    drop,
    problem,
    dismissProblem: () => setProblem(null),
    archive,
    choose: (what: 'files' | 'folder', folder: string) => {
      setProblem(null)
      chooseFiles(what, (chosen) => {
        try {
          receive(folder, readChosen(chosen))
        } catch (error) {
          setProblem(messageOf(error))
        }
      })
    },
    unpackArchive: () => {
      if (archive) void transfers.unpack(archive.folder, archive.file)
      setArchive(null)
    },
    uploadArchive: () => {
      if (archive) {
        const { folder, file } = archive
        void transfers.upload(folder, { files: [{ path: file.name, file }], folders: [] })
      }
      setArchive(null)
    },
    forgetArchive: () => setArchive(null),
  }
}
