import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'
import { ArchiveDialog, ConflictDialog } from './TransferDialogs'
import { TransferList } from './TransferList'
import type { useUploads } from './useUploads'

/** Below the tree: what is on its way, and what it has to ask. */
export function Uploads({ uploads }: { uploads: ReturnType<typeof useUploads> }) {
  const { transfers, list, problem, dismissProblem, archive } = uploads
  return (
    <>
      {problem !== null && (
        <Notice
          tone="error"
          action={
            <Button size="small" onClick={dismissProblem}>
              Dismiss
            </Button>
          }
        >
          {problem}
        </Notice>
      )}
      <TransferList transfers={transfers} list={list} />
      <ConflictDialog transfers={transfers} list={list} />
      <ArchiveDialog
        archive={archive}
        onUnpack={uploads.unpackArchive}
        onUpload={uploads.uploadArchive}
        onCancel={uploads.forgetArchive}
      />
    </>
  )
}
