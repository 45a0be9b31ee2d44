// The words of the platform's API, by name. Everything else imports them from here, so that the generated schema can
// be replaced by one command (`npm run openapi`).

import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Capacity = Schemas['Capacity']
export type CreateWorkshop = Schemas['CreateWorkshop']
export type ImageCheck = Schemas['ImageCheck']
export type ImageFinding = Schemas['ImageFinding']
export type JoinAnswer = Schemas['JoinAnswer']
export type JoinRequest = Schemas['JoinRequest']
export type Learner = Schemas['Learner']
export type Presence = Schemas['Presence']
export type Progress = Schemas['Progress']
export type Reach = Schemas['Reach']
export type Reason = Schemas['Reason']
export type Seat = Schemas['Seat']
export type SeatBrowser = Schemas['SeatBrowser']
export type SeatStatus = Schemas['SeatStatus']
export type SeatToken = Schemas['SeatToken']
export type Session = Schemas['Session']
export type SetupRequest = Schemas['SetupRequest']
export type SignInRequest = Schemas['SignInRequest']
export type StreamEvent = Schemas['Event']
export type Workshop = Schemas['Workshop']
export type WorkshopList = Schemas['WorkshopList']
export type WorkshopStatus = Schemas['WorkshopStatus']
